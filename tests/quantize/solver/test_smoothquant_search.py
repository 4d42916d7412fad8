from typing import Any

import pytest

from coldforge.model.deterministic import workers
from coldforge.quantize.solver.smoothquant_search import (
    Trial,
    input_losses,
    rounded,
    step_of,
    weight_losses,
)

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


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
