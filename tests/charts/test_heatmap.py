from xml.etree import ElementTree as ET

from coldforge.charts.drawing import Caption
from coldforge.charts.heatmap import Cell, heatmap


def test_shades_follow_the_logarithm_and_the_legend_names_both_ends() -> None:
    values = [1e-4, 1e-2, 1.0, None, 0.0]
    cells = [Cell(0, at, value, "4", f"tip {at}") for at, value in enumerate(values)]
    picture = heatmap(Caption("i", "t", "d"), ["0"], list("abcde"), cells, lambda one: f"{one:g}")
    found = ET.fromstring(picture)
    looks = [item.get("class") or "" for item in found.iter("rect")]
    assert [look for look in looks if "cell" in look] == [
        "h0 cell", "h2 cell", "h4 cell", "h0 cell", "h0 cell",
    ]  # fmt: skip
    words = [item.text for item in found.iter("text")]
    assert words[:5] == list("abcde")
    assert words[-2:] == ["0.0001", "1"]
