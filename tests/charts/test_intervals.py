from xml.etree import ElementTree as ET

from coldforge.charts.axis import Axis
from coldforge.charts.drawing import Caption, Reference
from coldforge.charts.intervals import IntervalRow, intervals


def test_a_row_without_bounds_is_a_dot_alone() -> None:
    rows = [IntervalRow("one", 1.0, 0.5, 2.0), IntervalRow("two", 1.5)]
    picture = intervals(Caption("i", "t", "d"), Axis(), rows, [Reference("original", 1.0)])
    found = ET.fromstring(picture)
    assert len(list(found.iter("circle"))) == 2
    looks = [item.get("class") for item in found.iter("line")]
    assert (looks.count("span"), looks.count("mark")) == (3, 1)
    assert "original" in [item.text for item in found.iter("text")]
