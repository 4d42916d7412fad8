"""Saved, loaded again, and equal to what torch makes in memory."""

from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.quantize.registry import settings_of
from tests.quantize.blockwise.rig import quantised, random_model, windows

torch: Any = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.model,
    # torch.ao is on its way out; its layers are what this is about.
    pytest.mark.filterwarnings("ignore:.*torch.ao.quantization is deprecated"),
]


def made_by_torch(checkpoint: Any) -> Any:
    """Quantise in memory; Conv1D layers become linear ones first, as torch skips them."""
    from torch.ao.quantization import default_dynamic_qconfig, quantize_dynamic
    from transformers.pytorch_utils import Conv1D

    from coldforge.model.loading.load import load_model

    model = load_model(checkpoint)
    for name, module in list(model.named_modules()):
        if isinstance(module, Conv1D):
            in_features, out_features = module.weight.shape
            linear = torch.nn.Linear(in_features, out_features)
            linear.weight.data = module.weight.data.T.contiguous()
            linear.bias.data = module.bias.data
            model.set_submodule(name, linear)
    linears = [name for name, item in model.named_modules() if isinstance(item, torch.nn.Linear)]
    inner = {name: default_dynamic_qconfig for name in linears if name != "lm_head"}
    return quantize_dynamic(model, inner)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_loaded_again_it_computes_what_torchs_own_does(kind: str, tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "m", kind)
    _, model = quantised(checkpoint, tmp_path / "q", "dynamic-int8")
    theirs = made_by_torch(checkpoint)
    with torch.inference_mode():
        assert torch.equal(model(windows()).logits, theirs(windows()).logits)
    made = read_checkpoint(tmp_path / "q")
    assert made.linear_bytes / made.linear_fp16_bytes == pytest.approx(0.5, abs=1e-3)


def test_weights_that_are_all_zero_stay_zero() -> None:
    from coldforge.quantize.methods.dynamic_int8 import rounded

    assert not rounded(torch.zeros(8, 32)).weight().any()


def test_it_takes_no_flags() -> None:
    with pytest.raises(ColdforgeError, match="--bits is not for dynamic-int8"):
        settings_of("dynamic-int8", {"bits": 8})
