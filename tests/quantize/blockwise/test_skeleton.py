"""One block at a time against the whole model, for every family."""

from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.quantize.blockwise.skeleton import Skeleton
from tests.quantize.blockwise.rig import random_model, windows

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.mark.parametrize("kind", ["llama", "gqa", "gpt2", "qwen2"])
def test_blocks_in_turn_compute_what_the_model_does(kind: str, tmp_path: Path) -> None:
    from coldforge.model.loading.load import load_model

    checkpoint = random_model(tmp_path / "model", kind)
    ids = windows()[:2]
    whole = load_model(checkpoint)
    with torch.no_grad():
        wanted = whole(ids, output_hidden_states=True, use_cache=False).hidden_states
        skeleton = Skeleton(checkpoint)
        for at, hidden in enumerate(skeleton.embed(ids.tolist())):
            assert torch.allclose(hidden, wanted[0][at : at + 1])
            skeleton.load(0)
            assert torch.allclose(skeleton.forward(hidden), wanted[1][at : at + 1], atol=2e-4)


def test_a_mistral_is_walked_as_a_llama_is(tmp_path: Path) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=512, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
    )  # fmt: skip
    whole = MistralForCausalLM(config).eval()
    whole.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "tokenizer.json").write_text("{}", "utf-8")
    skeleton, ids = Skeleton(read_checkpoint(tmp_path / "model")), windows()[:1]
    hidden = skeleton.embed(ids.tolist())[0]
    skeleton.load(0)
    with torch.no_grad():
        wanted = whole(ids, output_hidden_states=True, use_cache=False).hidden_states[1]
    assert torch.allclose(skeleton.forward(hidden), wanted, atol=2e-4)


def test_narrow_arithmetic_leaves_the_weights_alone(tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "model", "llama")
    wide, narrow = Skeleton(checkpoint), Skeleton(checkpoint, dtype="bfloat16")
    hidden = wide.embed(windows()[:1].tolist())[0]
    for skeleton in (wide, narrow):
        skeleton.load(0)
    name = "mlp.up_proj.weight"
    assert torch.equal(wide.block.get_parameter(name), narrow.block.get_parameter(name))
    one, other = wide.forward(hidden), narrow.forward(hidden)
    assert not torch.equal(one, other)
    assert (one - other).norm() < 0.02 * one.norm()


def test_a_block_that_lacks_a_tensor_is_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    checkpoint = random_model(tmp_path / "model", "llama")
    place = checkpoint.files[0]
    tensors = load_file(place)
    del tensors["model.layers.1.self_attn.k_proj.weight"]
    save_file(tensors, place)
    skeleton = Skeleton(read_checkpoint(checkpoint.folder))
    skeleton.load(0)
    with pytest.raises(ColdforgeError, match=r"block 1 .* lacks self_attn\.k_proj\.weight"):
        skeleton.load(1)
