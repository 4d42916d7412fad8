from xml.etree import ElementTree as ET

from coldforge.charts.axis import Axis
from coldforge.charts.bars import Group, stacked_bars
from coldforge.charts.drawing import Caption, Reference


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
