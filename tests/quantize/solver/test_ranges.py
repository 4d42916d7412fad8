from typing import Any

import pytest

from coldforge.model.deterministic import workers
from coldforge.quantize.solver.hessian import Hessian
from coldforge.quantize.solver.ranges import quantise_clipped, round_to_nearest

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


def drawn(outputs: int = 600, width: int = 128) -> tuple[Any, Hessian]:
    """Draw a weight, and the Hessian of inputs that hang together."""
    chance = torch.Generator().manual_seed(0)
    weight = torch.randn(outputs, width, generator=chance)
    rows = torch.randn(512, width, generator=chance) @ torch.randn(width, width, generator=chance)
    hessian = Hessian(width)
    with workers(1) as pool:
        hessian.add(rows, pool)
    return weight, hessian


@pytest.mark.parametrize("size", [32, 128, -1])
def test_it_loses_less_than_the_whole_range(size: int) -> None:
    weight, hessian = drawn()
    with workers(2) as pool:
        item = quantise_clipped(weight, hessian, 4, size, pool)
    assert item.scales.shape == (128 // (128 if size == -1 else size), 600)
    found, _ = hessian.error(weight, item.weight())
    plain, _ = hessian.error(weight, round_to_nearest(weight, 4, size, False))
    assert found < 0.95 * plain


def test_one_group_never_does_worse_for_any_output() -> None:
    weight, hessian = drawn()
    full = hessian.full()
    with workers(2) as pool:
        item = quantise_clipped(weight, hessian, 4, -1, pool)

    def losses(other: Any) -> Any:
        error = (other - weight).double()
        return ((error @ full) * error).sum(1)

    worst = losses(round_to_nearest(weight, 4, -1, False))
    assert (losses(item.weight()) <= worst * (1 + 1e-5)).all()


def test_threads_do_not_show() -> None:
    weight, hessian = drawn()
    made = []
    for count in (1, 3):
        with workers(count) as pool:
            made.append(quantise_clipped(weight, hessian, 4, 32, pool))
    assert torch.equal(made[0].codes, made[1].codes)
    assert torch.equal(made[0].scales, made[1].scales)
    assert torch.equal(made[0].zeros, made[1].zeros)


def test_zeros_stay_zeros() -> None:
    weight, hessian = drawn()
    weight[:, ::3] = 0
    with workers(2) as pool:
        item = quantise_clipped(weight, hessian, 4, 32, pool)
    assert (item.weight()[:, ::3] == 0).all()
