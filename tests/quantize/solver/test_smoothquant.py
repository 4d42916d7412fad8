from typing import Any

import pytest

from coldforge.quantize.solver.smoothquant import awq_scales, smoothquant_scales

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.fixture
def sizes() -> Any:
    return torch.rand(64, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.01


def test_an_exponent_of_nothing_scales_nothing(sizes: Any) -> None:
    assert torch.equal(awq_scales(sizes, 0.0), torch.ones(64))


def test_scales_grow_with_the_inputs_and_lie_around_one(sizes: Any) -> None:
    scales = awq_scales(sizes, 0.5)
    assert torch.equal(scales.argsort(), sizes.argsort())
    assert float(scales.max() * scales.min()) == pytest.approx(1, rel=1e-5)
    assert torch.allclose(scales.square() / sizes, (scales.square() / sizes)[0].expand(64))


def test_half_gives_inputs_and_weights_the_same_range(sizes: Any) -> None:
    weights = sizes.flip(0) * 3
    scales = smoothquant_scales(sizes, weights, 0.5)
    ratio = (sizes / scales) / (weights * scales)
    assert torch.allclose(ratio, ratio[0].expand(64), rtol=1e-5)


def test_the_ends_even_out_the_weights_or_the_inputs(sizes: Any) -> None:
    weights = sizes.flip(0) * 3
    inputs = sizes / smoothquant_scales(sizes, weights, 1.0)
    assert torch.allclose(inputs, inputs[0].expand(64), rtol=1e-5)
    evened = weights * smoothquant_scales(sizes, weights, 0.0)
    assert torch.allclose(evened, evened[0].expand(64), rtol=1e-5)


def test_an_input_that_is_never_used_keeps_one_and_spoils_no_other(sizes: Any) -> None:
    wanted = awq_scales(sizes, 0.5)
    sizes = torch.cat([sizes, torch.zeros(1)])
    found = awq_scales(sizes, 0.5)
    assert torch.equal(found[:-1], wanted)
    assert found[-1] == 1
    assert smoothquant_scales(sizes, torch.zeros(65), 0.5).tolist() == [1] * 65
