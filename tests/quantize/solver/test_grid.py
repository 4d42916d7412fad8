"""Grids: what a weight may become."""

from typing import Any

import pytest

from coldforge.model.deterministic import workers
from coldforge.quantize.solver.grid import minmax, quantise_clipped, round_to_nearest, search
from coldforge.quantize.solver.hessian import Hessian

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.fixture
def weight() -> Any:
    return torch.randn(16, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize("bits", [3, 4, 8])
def test_rounding_is_never_further_than_half_a_step_inside_the_range(
    weight: Any, bits: int, sym: bool
) -> None:
    grid = minmax(weight, bits, sym)
    codes = grid.codes(weight)
    assert codes.min() >= 0
    assert codes.max() <= (1 << bits) - 1
    inside = (codes > 0) & (codes < (1 << bits) - 1)
    error = (grid.values(codes) - weight).abs()
    assert (error <= grid.scale.float() * 0.501)[inside].all()


@pytest.mark.parametrize("sym", [True, False])
def test_zero_stays_zero(weight: Any, sym: bool) -> None:
    weight[:, 3] = 0
    grid = minmax(weight + 5 * (not sym) * (weight != 0), 4, sym)
    assert (grid.values(grid.codes(torch.zeros_like(weight))) == 0).all()


def test_a_symmetric_grid_has_its_zero_in_the_middle(weight: Any) -> None:
    assert (minmax(weight, 4, True).zero == 8).all()


def test_zero_points_fit_into_autogptqs_files(weight: Any) -> None:
    assert minmax(weight.abs(), 4, False).zero.min() >= 1


def test_a_group_of_nothing_but_zeros_decodes_to_zeros() -> None:
    grid = minmax(torch.zeros(2, 8), 4, False)
    assert (grid.values(grid.codes(torch.zeros(2, 8))) == 0).all()


@pytest.mark.parametrize("sym", [True, False])
def test_the_search_never_does_worse_than_the_whole_range(weight: Any, sym: bool) -> None:
    importance = torch.rand(64, generator=torch.Generator().manual_seed(1))

    def loss(grid: Any) -> Any:
        return ((grid.values(grid.codes(weight)) - weight).square() * importance).sum(1)

    found, whole = loss(search(weight, 3, sym, importance)), loss(minmax(weight, 3, sym))
    assert (found <= whole).all()
    assert found.sum() < whole.sum()


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
