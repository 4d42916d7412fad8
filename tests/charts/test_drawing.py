from xml.etree import ElementTree as ET

from coldforge.charts.drawing import DARK, LIGHT, Caption, Drawing, series_class
from tests.charts.drawn import SVG, texts


def drawn() -> Drawing:
    drawing = Drawing(height=100)
    drawing.text(1, 2, "<words>")
    drawing.rect(1, 2, (3, 4), "s0", "a & b")
    drawing.rule((0, 1), (0, 1))
    return drawing


def test_a_file_has_colours_for_light_and_for_dark_backgrounds() -> None:
    picture = drawn().file("t")
    assert "prefers-color-scheme:dark" in picture
    assert all(colour in picture for colour in (*LIGHT, *DARK))


def test_text_is_escaped_and_stands_above_marks_and_marks_above_the_grid() -> None:
    picture = drawn().file("t")
    assert "<words>" in texts(picture)
    tags = [item.tag.removeprefix(SVG) for item in ET.fromstring(picture)][4:]
    assert tags == ["line", "rect", "text"]


def test_a_part_of_a_page_is_named_for_assistive_technology() -> None:
    found = ET.fromstring(drawn().inline(Caption("a", "The <title>", "What it shows")))
    assert found.get("role") == "img"
    assert found.get("aria-labelledby") == "a-t a-d"
    assert found.findtext("title") == "The <title>"
    assert found.findtext("desc") == "What it shows"


def test_widths_are_written_in_the_drawing_s_unit_or_in_their_own() -> None:
    drawing = Drawing("%")
    drawing.rect(50, 0, (25, 9), "s0")
    drawing.rect("20px", 0, ("14px", 9), "s0")
    one, two = ET.fromstring(drawing.inline(Caption("a", "t", "d"))).iter("rect")
    assert (one.get("x"), one.get("width")) == ("50.00%", "25.00%")
    assert (two.get("x"), two.get("width")) == ("20px", "14px")


def test_more_series_than_colours_start_again() -> None:
    assert series_class(0) == series_class(len(LIGHT)) == "s0"


def test_a_legend_names_each_series_that_has_a_name() -> None:
    drawing = Drawing()
    drawing.legend(["", "gptq", "awq"], 0, 10)
    assert [look in mark for look, mark in zip(("s1", "s2"), drawing.marks, strict=True)] == [
        True, True,
    ]  # fmt: skip
