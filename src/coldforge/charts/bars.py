"""Bar charts: a labelled bar a row as an SVG file, or grouped or stacked for a page.

The parts of stacked bars differ in pattern too: the page defines the patterns `hatch` and `dots`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from coldforge.charts.axis import Axis, Ruler
from coldforge.charts.drawing import (
    LETTER,
    WIDTH,
    Caption,
    Drawing,
    Reference,
    series_class,
)

TOP = 64.0
COLOURS = 4
"""Of series in a page."""
PAGE_LETTER, NARROW = 6.6, 300.0
"""Pixels: mean width of a letter, and the narrowest chart in which labels must not overlap."""
LEAST = 0.4
"""Per cent of the width that a part takes at least, so that it can be seen."""


@dataclass(frozen=True)
class Bar:
    """A labelled length; `note` is written at its end."""

    label: str
    value: float
    series: str = ""
    note: str = ""


@dataclass(frozen=True)
class Group:
    """A labelled row with a value of each series; None is left out."""

    label: str
    values: Sequence[float | None]

    def known(self) -> list[float]:
        """List the values that are there."""
        return [value for value in self.values if value is not None]


def bars(title: str, axis: Axis, rows: Sequence[Bar]) -> str:
    """Draw a bar a row, from the axis' lower end, or from 0 if it is linear; return the SVG."""
    left = 28 + LETTER * max((len(item.label) for item in rows), default=0)
    right = WIDTH - 24 - LETTER * max((len(item.note) for item in rows), default=0)
    bottom = TOP + 8 + 18 * len(rows)
    drawing = Drawing(height=bottom + 56)
    series = list(dict.fromkeys(item.series for item in rows))
    values = [item.value for item in rows]
    ruler = Ruler(left, right, axis.scale(values if axis.log else [0.0, *values]))
    start = left if axis.log else ruler.at(0.0)
    drawing.legend(series, left, 44)
    drawing.axis_titled(ruler, axis.title, (TOP, bottom))
    for row, item in enumerate(rows):
        y, end = TOP + 13 + 18 * row, ruler.at(item.value)
        css = series_class(series.index(item.series))
        drawing.text(left - 8, y + 4, item.label, "end")
        drawing.rect(min(start, end), y - 6, (abs(end - start), 12), css)
        drawing.text(max(start, end) + 6, y + 4, item.note)
    return drawing.file(title)


def grouped_bars(
    caption: Caption,
    axis: Axis,
    series: Sequence[str],
    groups: Sequence[Group],
    references: Sequence[Reference] = (),
) -> str:
    """Draw a group of bars a row from zero, each below its series' name and its value."""
    drawing = Drawing("%")
    values = [value for group in groups for value in group.known()]
    marked = [item.value for item in references]
    ruler = Ruler(0, 100, axis.scale([0.0, *marked, *values]))
    drawing.height = top = 18.0 if references else 0.0
    for group in groups:
        drawing.text(0, drawing.height + 14, group.label, "group")
        drawing.height += 22
        for at, (name, value) in enumerate(zip(series, group.values, strict=True)):
            if value is not None:
                drawing.text(0, drawing.height + 11, name, "label")
                drawing.text(100, drawing.height + 11, axis.write(value), "value end")
                css = f"s{at % COLOURS}"
                drawing.rect(0, drawing.height + 16, (ruler.at(value), 9), css)
                drawing.height += 31
        drawing.height += 7
    drawing.references(ruler, top, references)
    drawing.axis_below(ruler, top)
    return drawing.inline(caption)


def stacked_bars(
    caption: Caption,
    axis: Axis,
    series: Sequence[str],
    rows: Sequence[Group],
    references: Sequence[Reference] = (),
) -> str:
    """Draw a bar of parts a row; references are shown up to the first beyond the longest bar."""
    drawing = Drawing("%")
    sums = [sum(row.known()) for row in rows]
    longest = max(sums, default=0.0)
    end = min((item.value for item in references if item.value >= longest), default=longest)
    shown = [item for item in references if item.value <= end]
    ruler = Ruler(0, 100, axis.scale([0.0, end]))
    _legend(drawing, series)
    top = _reference_labels(drawing, ruler, shown)
    for row, total in zip(rows, sums, strict=True):
        drawing.text(0, drawing.height + 12, row.label, "label")
        _bar(drawing, ruler, axis, series, row)
        drawing.text(100, drawing.height + 12, axis.write(total), "value end")
        drawing.height += 42
    for item in shown:
        x = ruler.at(item.value)
        drawing.line((x, x), (top, drawing.height), "mark")
    drawing.axis_below(ruler, top)
    return drawing.inline(caption)


def _bar(drawing: Drawing, ruler: Ruler, axis: Axis, series: Sequence[str], row: Group) -> None:
    total, x = 0.0, 0.0
    for at, (name, value) in enumerate(zip(series, row.values, strict=True)):
        if value is not None:
            total += value
            end = max(ruler.at(total), x + LEAST)
            for css in (f"s{at}", f"p{at}"):
                tip = f"{name}: {axis.write(value)}"
                drawing.rect(x, drawing.height + 18, (end - x, 14), css, tip)
            x = end


def _legend(drawing: Drawing, series: Sequence[str]) -> None:
    left = 0.0
    for at, name in enumerate(series):
        for css in (f"s{at}", f"p{at}"):
            drawing.rect(f"{left:.0f}", 2, ("14", 12), css)
        drawing.text(f"{left + 20:.0f}", 12, name, "label")
        left += 40 + PAGE_LETTER * len(name)
    drawing.height = 28


def _reference_labels(drawing: Drawing, ruler: Ruler, shown: Sequence[Reference]) -> float:
    """Write each label left of its line, in the first row where it fits; return the lines' top."""
    ends: list[float] = []
    """Where the last label of each row ends, in pixels of the narrowest chart."""
    for item in shown:
        x = ruler.at(item.value)
        right = x / 100 * NARROW
        left = right - PAGE_LETTER * len(item.label)
        rightwards = left < 0
        if rightwards:
            left, right = right, right + PAGE_LETTER * len(item.label)
        row = next((at for at, end in enumerate(ends) if end + 6 < left), len(ends))
        ends[row : row + 1] = [right]
        y = drawing.height + 11 + 15 * row
        css, shift = ("note", 4) if rightwards else ("note end", -4)
        drawing.text(x, y, item.label, css, shift)
        drawing.line((x, x), (y - 10, drawing.height + 15 * len(shown)), "mark faint")
    drawing.height += 15 * len(ends) + 4
    return drawing.height - 4
