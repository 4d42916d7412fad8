from xml.etree import ElementTree as ET

import pytest

from coldforge.charts.axis import Axis
from coldforge.charts.bars import Bar, Group, bars, grouped_bars, stacked_bars
from coldforge.charts.drawing import Caption, Reference
from tests.charts.drawn import SVG, texts


def test_bars_are_as_long_as_their_values() -> None:
    picture = bars("t", Axis("loss"), [Bar("one", 1, note="1.0"), Bar("two", 2, "8 bits")])
    marks = [
        item for item in ET.fromstring(picture).iter(f"{SVG}rect") if item.get("height") == "12.0"
    ]
    one, two = (float(item.get("width", "")) for item in marks)
    assert two == pytest.approx(2 * one, abs=0.01)
    assert one > 0
    assert {"one", "two", "1.0", "8 bits", "loss"} <= set(texts(picture))


def test_a_chart_without_bars_is_valid() -> None:
    assert ET.fromstring(bars("t", Axis("KL", log=True), [])).tag == f"{SVG}svg"


def test_a_group_leaves_out_missing_values_and_keeps_the_colours() -> None:
    groups = [Group("128", [None, 2.0]), Group("256", [1.0, 4.0])]
    picture = grouped_bars(Caption("i", "t", "d"), Axis(), ["a", "b"], groups, [Reference("r", 1)])
    looks = [item.get("class") for item in ET.fromstring(picture).iter("rect")]
    assert looks == ["s1", "s0", "s1"]


def words(*references: Reference) -> list[str]:
    rows = [Group("34b", [10.0, 20.0])]
    picture = stacked_bars(Caption("i", "t", "d"), Axis(), ["weights", "kv"], rows, references)
    return [item.text or "" for item in ET.fromstring(picture).iter("text")]


def test_the_total_and_every_part_are_named() -> None:
    assert {"weights", "kv", "34b", "30"} <= set(words())


def test_references_end_with_the_first_beyond_the_longest_bar() -> None:
    shown = words(Reference("small", 20), Reference("fits", 40), Reference("large", 80))
    assert {"small", "fits"} <= set(shown)
    assert "large" not in shown
