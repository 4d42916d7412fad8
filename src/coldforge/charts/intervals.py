"""A chart of points with their intervals, for a page."""

from collections.abc import Sequence
from dataclasses import dataclass

from coldforge.charts.axis import Axis, Ruler
from coldforge.charts.drawing import Caption, Drawing, Reference

EDGE = 1.5
"""Per cent of the width left free at both ends, so that a dot there is whole."""


@dataclass(frozen=True)
class IntervalRow:
    """A labelled value, and the bounds of its interval where they are known."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None

    def known(self) -> list[float]:
        """List the value and its bounds."""
        return [item for item in (self.value, self.low, self.high) if item is not None]


def intervals(
    caption: Caption,
    axis: Axis,
    rows: Sequence[IntervalRow],
    references: Sequence[Reference] = (),
) -> str:
    """Draw a dot a row at its value, with a line over its interval."""
    drawing = Drawing("%")
    values = [value for row in rows for value in row.known()]
    marked = [item.value for item in references]
    ruler = Ruler(EDGE, 100 - EDGE, axis.scale([*values, *marked]))
    drawing.height = top = 18.0 if references else 0.0
    for row in rows:
        y = drawing.height + 25
        drawing.text(0, drawing.height + 12, row.label, "label")
        drawing.text(100, drawing.height + 12, axis.write(row.value), "value end")
        if row.low is not None and row.high is not None:
            ends = ruler.at(row.low), ruler.at(row.high)
            drawing.line(ends, (y, y), "span")
            for x in ends:
                drawing.line((x, x), (y - 5, y + 5), "span")
        drawing.circle(ruler.at(row.value), y, 5, "dot")
        drawing.height += 38
    drawing.references(ruler, top, references)
    drawing.axis_below(ruler, top)
    return drawing.inline(caption)
