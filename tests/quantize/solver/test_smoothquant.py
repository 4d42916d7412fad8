from typing import Any

import pytest

from coldforge.model.deterministic import workers
from coldforge.quantize.solver.smoothquant import (
    Trial,
    awq_scales,
    input_losses,
    rounded,
    smoothquant_scales,
    step_of,
    weight_losses,
)

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


@pytest.fixture
def chance() -> Any:
    return torch.Generator().manual_seed(0)


def test_a_static_range_ends_at_the_largest_input_or_a_share_of_it() -> None:
    largest = torch.tensor([1.0, 255.0, 3.0])
    assert step_of(largest).tolist() == [2.0]
    assert step_of(largest, 0.5).tolist() == [1.0]
    assert step_of(torch.zeros(3)) > 0


@pytest.mark.parametrize("static", [True, False])
def test_input_losses_foretell_the_error_of_the_output(static: bool, chance: Any) -> None:
    rows = torch.randn(1500, 64, generator=chance) * 3
    weight = torch.randn(32, 64, generator=chance)
    scales = [torch.ones(64), torch.rand(64, generator=chance) + 0.5]
    trials = [Trial(item, torch.tensor([0.1]) if static else None) for item in scales]
    with workers(2) as pool:
        found = input_losses(rows, weight.double().square().sum(0), trials, pool)
    for trial, loss in zip(trials, found.tolist(), strict=True):
        inputs = rows / trial.scales
        error = (rounded(inputs, trial.step) - inputs) @ (weight * trial.scales).T
        assert loss == pytest.approx(float(error.square().sum()), rel=0.05)


def test_weight_losses_are_those_of_the_output(chance: Any) -> None:
    rows = torch.randn(4000, 64, generator=chance) * 3
    weights = [torch.randn(32, 64, generator=chance), torch.randn(8, 64, generator=chance)]
    trial = Trial(torch.rand(64, generator=chance) + 0.5)
    with workers(2) as pool:
        found = weight_losses(weights, rows.double().square().sum(0), [trial], pool)
    wanted = 0.0
    for weight in weights:
        scaled = weight * trial.scales
        # A step of the whole row over 255, as signed bytes have it.
        step = (scaled.abs().amax(1, keepdim=True) * 2 / 255).half().float()
        lost = (scaled / step).round().clamp(-128, 127) * step - scaled
        wanted += float((rows / trial.scales @ lost.T).square().sum())
    assert float(found) == pytest.approx(wanted, rel=0.05)
