import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.charts.axis import Axis, Ruler

VALUES = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=20)
ABOVE = st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20)


@given(VALUES)
def test_every_value_lies_between_the_ends(values: list[float]) -> None:
    scale = Axis("x").scale(values)
    reach = scale.high - scale.low
    assert scale.low <= min(values) + 1e-9 * reach
    assert scale.high >= max(values) - 1e-9 * reach
    assert len(scale.ticks) <= 11


@given(ABOVE)
def test_a_logarithmic_axis_keeps_the_order_of_values(values: list[float]) -> None:
    scale = Axis("x", log=True).scale(values)
    places = [scale.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)


def test_ticks_are_round_numbers() -> None:
    assert [text for _, text in Axis("x").scale([1.1, 16]).ticks] == [
        "0", "2", "4", "6", "8", "10", "12", "14", "16",
    ]  # fmt: skip


def test_a_logarithmic_axis_ends_in_decades() -> None:
    scale = Axis("x", log=True).scale([0.002, 30])
    assert (scale.low, scale.high) == (pytest.approx(0.001), pytest.approx(100))
    assert scale.at(0.1) == pytest.approx(0.4)


def test_zero_is_a_decade_below_the_smallest_value() -> None:
    scale = Axis("x", log=True).scale([0.0, 0.01, 1])
    assert scale.ticks[0] == (pytest.approx(0.001), "0")
    assert scale.at(0.0) == 0


@pytest.mark.parametrize("log", [True, False])
def test_one_value_or_none_gives_a_valid_axis(log: bool) -> None:
    for values in ([], [3.0], [3.0, 3.0], [0.0]):
        scale = Axis("x", log).scale(values)
        assert scale.low < scale.high
        assert all(math.isfinite(value) for value, _ in scale.ticks)


def test_ticks_count_in_the_unit_of_the_axis() -> None:
    axis = Axis(unit=2.0**30, tick=lambda value: f"{value:g} GiB")
    scale = axis.scale([0.0, 8 * 2.0**30])
    assert scale.ticks[-1] == (8 * 2.0**30, "8 GiB")
    assert scale.at(4 * 2.0**30) == pytest.approx(0.5)


def test_a_ruler_places_values_between_its_ends_and_thins_its_ticks() -> None:
    ruler = Ruler(10, 90, Axis().scale([0, 8]))
    assert (ruler.at(0), ruler.at(4), ruler.at(8)) == (10, 50, 90)
    assert len(ruler.ticks(4)) <= 5 < len(ruler.scale.ticks)
