"""The GPTQ solver against rounding, against itself, and on its edges."""

from typing import Any

import pytest

from coldforge.model.deterministic import workers
from coldforge.quantize.solver import gptq
from coldforge.quantize.solver.gptq import GptqConfig, solve
from coldforge.quantize.solver.hessian import Hessian

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
WIDTH, HEIGHT = 256, 40


@pytest.fixture(scope="module")
def layer() -> tuple[Any, Hessian]:
    """A weight, and the Hessian of inputs that go together: what GPTQ makes use of."""
    chance = torch.Generator().manual_seed(0)
    mixing = torch.randn(WIDTH, WIDTH, generator=chance) / WIDTH**0.5
    rows = torch.randn(1024, WIDTH, generator=chance) @ (mixing + 0.3 * torch.eye(WIDTH))
    hessian = Hessian(WIDTH)
    with workers(2) as pool:
        hessian.add(rows * torch.linspace(0.1, 3, WIDTH), pool)
    return torch.randn(HEIGHT, WIDTH, generator=chance), hessian


def solved(layer: tuple[Any, Hessian], how: GptqConfig, threads: int = 2, mask: Any = None) -> Any:
    with workers(threads) as pool:
        return solve(*layer, how, pool, mask)


def loss(layer: tuple[Any, Hessian], item: Any) -> float:
    weight, hessian = layer
    return hessian.error(weight, item.weight())[0]


def nearest(layer: tuple[Any, Hessian], bits: int, sym: bool = True) -> Any:
    from coldforge.quantize.methods.rtn import nearest

    return nearest(layer[0], bits, 128, sym)


@pytest.mark.parametrize("act_order", [False, True])
@pytest.mark.parametrize("sym", [True, False])
@pytest.mark.parametrize("bits", [3, 4, 8])
def test_it_loses_much_less_than_rounding(
    layer: tuple[Any, Hessian], bits: int, sym: bool, act_order: bool
) -> None:
    found = solved(layer, GptqConfig(bits, 128, sym, act_order))
    assert loss(layer, found) < 0.8 * loss(layer, nearest(layer, bits, sym))
    assert int(found.codes.max()) < 1 << bits


def test_most_important_inputs_first_loses_less_and_leaves_groups_where_they_are(
    layer: tuple[Any, Hessian],
) -> None:
    plain, ordered = (solved(layer, GptqConfig(3, 128, act_order=by)) for by in (False, True))
    assert ordered.order is None
    assert loss(layer, ordered) < loss(layer, plain)


def test_threads_and_tiles_change_no_bit(
    layer: tuple[Any, Hessian], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = solved(layer, GptqConfig(4, 64), threads=1)
    three = solved(layer, GptqConfig(4, 64), threads=3)
    assert torch.equal(one.codes, three.codes)
    assert torch.equal(one.scales, three.scales)


@pytest.mark.parametrize("group_size", [-1, 32, 64, 256])
def test_every_group_has_its_scale(layer: tuple[Any, Hessian], group_size: int) -> None:
    found = solved(layer, GptqConfig(4, group_size))
    groups = 1 if group_size == -1 else WIDTH // group_size
    assert found.scales.shape == (groups, HEIGHT)
    assert found.weight().shape == (HEIGHT, WIDTH)


def test_pruned_weights_are_zero_and_the_others_make_up_for_them(
    layer: tuple[Any, Hessian],
) -> None:
    weight, hessian = layer
    mask = weight.abs() < weight.abs().median()
    found = solved(layer, GptqConfig(8, 128), mask=mask)
    assert (found.weight()[mask] == 0).all()
    cut = hessian.error(weight, weight.masked_fill(mask, 0))[0]
    assert loss(layer, found) < cut


def test_rows_do_not_touch_each_other(layer: tuple[Any, Hessian]) -> None:
    weight, hessian = layer
    assert gptq.ROWS > HEIGHT
    whole = solved(layer, GptqConfig(4, 128))
    part = solved((weight[:7], hessian), GptqConfig(4, 128))
    assert (whole.codes[:, :7] != part.codes).float().mean() < 0.01
