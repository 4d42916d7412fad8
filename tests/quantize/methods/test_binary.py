from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from tests.quantize.blockwise.rig import divergence, quantised, random_model

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.mark.parametrize("size", [32, -1])
def test_no_other_scale_leaves_the_signs_less_error(size: int) -> None:
    from coldforge.quantize.methods.binary import signs

    weight = torch.randn(8, 128, generator=torch.Generator().manual_seed(0))
    weight[0, :3] = 0
    item = signs(weight, size)
    made = item.weight()
    assert torch.equal(made > 0, weight >= 0)
    rows = 128 if size == -1 else size
    wanted = weight.abs().view(8, -1, rows).mean(2)
    assert torch.allclose(item.scales.T.float(), wanted, rtol=1e-3)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_weight_takes_a_bit_and_little_of_the_model_is_left(kind: str, tmp_path: Path) -> None:
    checkpoint = random_model(tmp_path / "m", kind)
    result, model = quantised(checkpoint, tmp_path / "q", "binary")
    made = read_checkpoint(tmp_path / "q")
    assert made.bits_per_weight == pytest.approx(1 + 16 / 128)
    assert {item.bits for item in result.layers} == {1}
    assert divergence(checkpoint, model) > 0.05
