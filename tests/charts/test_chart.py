import re
from xml.etree import ElementTree as ET

from coldforge.charts.axis import Axis
from coldforge.charts.chart import Bar, Point, bars, scatter

SVG = "{http://www.w3.org/2000/svg}"
BITS, KL = Axis("bits a weight"), Axis("KL", log=True)


def texts(picture: str) -> list[str]:
    return [item.text or "" for item in ET.fromstring(picture).iter(f"{SVG}text")]


def dots(picture: str) -> dict[str, tuple[float, float]]:
    found = {}
    for item in ET.fromstring(picture).iter(f"{SVG}circle"):
        name = item.findtext(f"{SVG}title")
        if name:
            found[name.partition(":")[0]] = (float(item.get("cx", "")), float(item.get("cy", "")))
    return found


def test_points_stand_where_their_values_are() -> None:
    picture = scatter("t", BITS, KL, [Point(4, 0.01, "four"), Point(8, 0.0001, "eight")])
    places = dots(picture)
    assert places["four"][0] < places["eight"][0]
    assert places["four"][1] < places["eight"][1]  # y grows downwards


def test_what_is_said_is_escaped_and_there_once() -> None:
    picture = scatter("a < b & c", BITS, KL, [Point(4, 0.01, "<four>", "kind")])
    assert texts(picture).count("a < b & c") == 1
    assert texts(picture).count("<four>") == 1
    assert {"bits a weight", "KL", "kind"} <= set(texts(picture))


def test_labels_of_a_crowd_do_not_cover_each_other() -> None:
    crowd = [Point(4.16, 0.001 + at / 1e5, f"way-{at}") for at in range(12)]
    picture = scatter("t", BITS, KL, [*crowd, Point(16, 0, "fp16")])
    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)">(way-\d+)</text>', picture)
    assert len(found) == 12
    places = [(float(x), float(y)) for x, y, _ in found]
    for at, (x, y) in enumerate(places):
        for other, line in places[at + 1 :]:
            assert abs(x - other) > 30 or abs(y - line) >= 12


def test_an_interval_is_drawn_even_where_it_reaches_below_zero() -> None:
    wide = Point(4, 0.01, "four", span=(-0.01, 0.03))
    assert 'class="span k0"' in scatter("t", BITS, KL, [wide])


def test_bars_are_as_long_as_their_values() -> None:
    picture = bars("t", Axis("loss"), [Bar("one", 1, note="1.0"), Bar("two", 2, "8 bits")])
    marks = [
        item for item in ET.fromstring(picture).iter(f"{SVG}rect") if item.get("height") == "12"
    ]
    one, two = (float(item.get("width", "")) for item in marks)
    assert two == 2 * one > 0
    assert {"one", "two", "1.0", "8 bits", "loss"} <= set(texts(picture))


def test_a_chart_says_how_it_looks_on_dark_ground() -> None:
    assert "prefers-color-scheme:dark" in bars("t", KL, [Bar("one", 0.1)])


def test_a_chart_of_nothing_is_a_chart() -> None:
    for picture in (scatter("t", BITS, KL, []), bars("t", KL, [])):
        assert ET.fromstring(picture).tag == f"{SVG}svg"
