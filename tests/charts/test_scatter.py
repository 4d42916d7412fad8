import re
from xml.etree import ElementTree as ET

from coldforge.charts.axis import Axis
from coldforge.charts.scatter import Point, scatter
from tests.charts.drawn import SVG, circles, texts

BITS, KL = Axis("bits a weight"), Axis("KL", log=True)


def test_points_stand_where_their_values_are() -> None:
    picture = scatter("t", BITS, KL, [Point(4, 0.01, "four"), Point(8, 0.0001, "eight")])
    places = circles(picture)
    assert places["four"][0] < places["eight"][0]
    assert places["four"][1] < places["eight"][1]  # y grows downwards


def test_text_is_escaped_and_written_once() -> None:
    picture = scatter("a < b & c", BITS, KL, [Point(4, 0.01, "<four>", "kind")])
    assert texts(picture).count("a < b & c") == 1
    assert texts(picture).count("<four>") == 1
    assert {"bits a weight", "KL", "kind"} <= set(texts(picture))


def test_labels_of_close_points_do_not_overlap() -> None:
    crowd = [Point(4.16, 0.001 + at / 1e5, f"way-{at}") for at in range(12)]
    picture = scatter("t", BITS, KL, [*crowd, Point(16, 0, "fp16")])
    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)">(way-\d+)</text>', picture)
    assert len(found) == 12
    places = [(float(x), float(y)) for x, y, _ in found]
    for at, (x, y) in enumerate(places):
        for other, line in places[at + 1 :]:
            assert abs(x - other) > 30 or abs(y - line) >= 12


def test_an_interval_is_drawn_even_where_it_reaches_below_zero() -> None:
    wide = Point(4, 0.01, "four", interval=(-0.01, 0.03))
    assert 'class="span s0"' in scatter("t", BITS, KL, [wide])


def test_a_chart_without_points_is_valid() -> None:
    assert ET.fromstring(scatter("t", BITS, KL, [])).tag == f"{SVG}svg"
