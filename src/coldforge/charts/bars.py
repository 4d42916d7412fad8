"""Bar charts: a labelled bar a row as an SVG file, or groups of bars for a page."""

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
