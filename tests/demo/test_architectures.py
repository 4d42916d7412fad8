from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.demo.architectures import KINDS, untrained
from coldforge.demo.demo import run_demo
from coldforge.errors import UnknownNameError
from coldforge.model.families.blocks import linear_inputs

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.mark.parametrize("kind", KINDS)
def test_every_linear_layers_inputs_divide_by_128(kind: str) -> None:
    from transformers.pytorch_utils import Conv1D

    model = untrained(kind, 512, 0)
    layers = [item for item in model.modules() if isinstance(item, torch.nn.Linear | Conv1D)]
    inner = [item for item in layers if item is not model.lm_head]
    assert len(inner) >= 20
    for layer in inner:
        width = layer.weight.shape[0 if isinstance(layer, Conv1D) else 1]
        assert width % 128 == 0


def test_the_kinds_are_what_they_are_called() -> None:
    llama, gqa, gpt2, qwen2 = (
        untrained(kind, 512, 0) for kind in ("llama", "gqa", "gpt2", "qwen2")
    )
    assert llama.config.num_key_value_heads == llama.config.num_attention_heads
    assert gqa.config.model_type == "llama"
    assert gqa.config.num_key_value_heads == gqa.config.num_attention_heads // 2
    assert gpt2.lm_head.weight is gpt2.transformer.wte.weight
    attention = qwen2.model.layers[0].self_attn
    assert attention.k_proj.bias is not None
    assert attention.k_proj.weight.shape[0] == attention.q_proj.weight.shape[0] // 2
    sizes = [model.num_parameters() for model in (llama, gqa, gpt2, qwen2)]
    assert max(sizes) < 1.2 * min(sizes)


def test_a_seed_decides_the_weights() -> None:
    one, two, other = (untrained("gpt2", 512, seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_a_gpt2_is_trained_saved_and_loaded_with_its_head_tied(tmp_path: Path) -> None:
    from coldforge.evaluate.evaluate import run_evaluate
    from coldforge.model.loading.load import load_model

    card = run_demo(str(tmp_path / "model"), steps=2, kind="gpt2")
    checkpoint = read_checkpoint(tmp_path / "model")
    assert "lm_head.weight" not in checkpoint.tensors
    assert all(width % 128 == 0 for width in linear_inputs(checkpoint).values())
    model = load_model(checkpoint)
    assert model.lm_head.weight is model.transformer.wte.weight
    judged = run_evaluate(str(tmp_path / "model"), limit=32)
    assert judged["perplexity"] == pytest.approx(card["perplexity"], rel=1e-5)
    assert card["perplexity"] < card["perplexity_untrained"]


def test_an_unknown_kind_lists_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown kind 'rnn'") as caught:
        run_demo(str(tmp_path / "model"), kind="rnn")
    assert "gpt2, gqa, llama, qwen2" in caught.value.hint
