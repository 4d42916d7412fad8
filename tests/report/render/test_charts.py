from typing import Any
from xml.etree import ElementTree as ET

import pytest

from coldforge.report.page.model import Chart, Column, Mark, Row, Section, Table
from coldforge.report.render.charts import KINDS, draw

GIB = 2.0**30


def picture(chart: Chart, columns: list[Column], rows: list[Row]) -> ET.Element:
    section = Section("s", "S", tables=[Table("t", "T", columns, rows)])
    return ET.fromstring(draw(chart, section))


def share(text: str | None) -> float:
    assert text
    assert text.endswith("%")
    return float(text[:-1])


def rects(found: ET.Element, look: str) -> list[tuple[float, float]]:
    """List left end and width of the bars of a class."""
    marks = [item for item in found.iter("rect") if look in (item.get("class") or "").split()]
    return [(share(item.get("x")), share(item.get("width"))) for item in marks
            if (item.get("x") or "").endswith("%")]  # fmt: skip


def words(found: ET.Element) -> list[str]:
    return [item.text or "" for item in found.iter("text")]


def grouped(rows: list[Row], **more: Any) -> ET.Element:
    columns = [Column("cell", "Cell"), Column("a", "int8", "times"), Column("b", "int4", "times")]
    return picture(Chart("bars", "t", "d", "t", "cell", ["a", "b"], **more), columns, rows)


def test_bars_are_as_long_as_their_values_and_named() -> None:
    found = grouped([{"cell": "128", "a": 1.0, "b": 2.0}, {"cell": "256", "a": 1.5, "b": None}])
    assert rects(found, "s0") == [(0.0, 50.0), (0.0, 75.0)]
    assert rects(found, "s1") == [(0.0, 100.0)]
    assert [word for word in words(found) if word in {"int8", "int4"}] == ["int8", "int4", "int8"]


def test_a_mark_is_drawn_at_its_value() -> None:
    found = grouped([{"cell": "128", "a": 1.0, "b": 4.0}], marks=[Mark("fp32", 1.0)])
    (mark,) = [item for item in found.iter("line") if item.get("class") == "mark"]
    assert share(mark.get("x1")) == share(mark.get("x2")) == rects(found, "s0")[0][1]
    assert any(word.startswith("fp32") for word in words(found))


def stacked(total: float, cards: list[float]) -> ET.Element:
    marks = [Mark(f"card {size}", size * GIB) for size in cards]
    columns = [Column("e", "E"), *(Column(key, key, "memory") for key in "wk")]
    row: Row = {"e": "34b", "w": total * GIB * 0.75, "k": total * GIB * 0.25}
    chart = Chart("stack", "t", "d", "t", "e", ["w", "k"], marks)
    return picture(chart, columns, [row])


def test_parts_of_a_stack_follow_each_other_and_differ_without_colour() -> None:
    found = stacked(20, [22.5])
    (first,), (second,) = rects(found, "s0"), rects(found, "s1")
    assert first[0] == 0
    assert second[0] == pytest.approx(first[1], abs=0.01)
    assert second[1] == pytest.approx(first[1] / 3, abs=0.1)
    assert rects(found, "p1") == [second]
    assert "20.0 GiB" in words(found)


def test_a_stack_passes_a_card_s_line_only_if_it_does_not_fit() -> None:
    found = stacked(30, [22.5, 39.4, 79.1])
    lines = [share(item.get("x1")) for item in found.iter("line") if item.get("class") == "mark"]
    assert len(lines) == 2  # the largest card is of no interest
    end = sum(rects(found, "s1")[0])
    assert lines[0] < end < lines[1]


def test_a_tiny_part_is_still_visible() -> None:
    assert rects(stacked(0.001, [22.5]), "s0")[0][1] >= 0.4


def test_intervals_lie_around_their_values_on_a_logarithmic_axis() -> None:
    columns = [Column("m", "M"), Column("v", "KL", "nats", low="l", high="h")]
    rows: list[Row] = [
        {"m": "one", "v": 1e-3, "l": 5e-4, "h": 2e-3}, {"m": "alone", "v": 1e-5},
        {"m": "none", "v": None},
    ]  # fmt: skip
    found = picture(Chart("interval", "t", "d", "t", "m", ["v"], log=True), columns, rows)
    one, alone = (share(item.get("cx")) for item in found.iter("circle"))
    (line,) = [
        item
        for item in found.iter("line")
        if item.get("class") == "span" and item.get("y1") == item.get("y2")
    ]
    assert alone < share(line.get("x1")) < one < share(line.get("x2"))
    assert one - share(line.get("x1")) == pytest.approx(share(line.get("x2")) - one, abs=0.1)
    assert "none" not in words(found)
    assert "10⁻⁵" in words(found)


def test_values_too_small_to_draw_are_drawn_as_zero() -> None:
    columns = [Column("m", "M"), Column("v", "KL", "nats")]
    rows: list[Row] = [{"m": "one", "v": 1e-3}, {"m": "two", "v": 5e-324}]
    chart = Chart("interval", "t", "d", "t", "m", ["v"], log=True)
    one, two = (share(item.get("cx")) for item in picture(chart, columns, rows).iter("circle"))
    assert two < 2 < one


def test_cells_of_a_heat_map_are_ordered_and_darker_for_larger_damage() -> None:
    columns = [Column("b", "B"), Column("p", "P"), Column("kl", "KL", "nats"), Column("n", "Bits")]
    parts = ["mlp.down_proj", "self_attn.q_proj", "self_attn.k_proj"]
    rows: list[Row] = [
        {"b": str(block), "p": part, "kl": 10.0 ** -(3 + at + block % 2), "n": 8 - at}
        for block in (10, 2)
        for at, part in enumerate(parts)
    ]
    chart = Chart("heat", "t", "d", "t", "b", ["kl"], across="p", text="n", log=True)
    found = picture(chart, columns, rows)
    assert words(found)[:3] == ["q", "k", "down"]
    assert words(found)[-4:-2] == ["2", "10"]
    looks = [item.get("class") for item in found.iter("rect") if "cell" in item.get("class", "")]
    assert looks[:3] == ["h4 cell", "h2 cell", "h0 cell"]
    tips = [item.text or "" for item in found.iter("title")]
    assert any("8" in tip for tip in tips)


def test_layers_with_the_same_short_name_keep_their_full_names() -> None:
    columns = [Column("b", "B"), Column("p", "P"), Column("kl", "KL", "nats"), Column("n", "Bits")]
    rows: list[Row] = [
        {"b": "0", "p": part, "kl": 1e-3, "n": 4} for part in ("mlp.c_proj", "attn.c_proj")
    ]
    chart = Chart("heat", "t", "d", "t", "b", ["kl"], across="p", text="n", log=True)
    assert words(picture(chart, columns, rows))[:2] == ["attn.c_proj", "mlp.c_proj"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_names_are_escaped_and_an_empty_table_gives_a_valid_chart(kind: str) -> None:
    columns = [Column("e", "<b>"), Column("v", "<i>", "memory")]
    chart = Chart(kind, "<t>", "&", "t", "e", ["v"], across="e", text="e")
    assert picture(chart, columns, []).get("role") == "img"
    assert picture(chart, columns, [{"e": "<script>", "v": 1.0}]).find("title") is not None
