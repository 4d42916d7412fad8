"""Stacked bars for a page, against reference values that they may or may not reach.

Parts differ in pattern too: the page defines the patterns `hatch` and `dots`.
"""

from collections.abc import Sequence

from coldforge.charts.axis import Axis, Ruler
from coldforge.charts.bars import Group
from coldforge.charts.drawing import Caption, Drawing, Reference

LETTER, NARROW = 6.6, 300.0
"""Pixels: mean width of a letter, and the narrowest chart in which labels must not overlap."""
LEAST = 0.4
"""Per cent of the width that a part takes at least, so that it can be seen."""


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
        left += 40 + LETTER * len(name)
    drawing.height = 28


def _reference_labels(drawing: Drawing, ruler: Ruler, shown: Sequence[Reference]) -> float:
    """Write each label left of its line, in the first row where it fits; return the lines' top."""
    ends: list[float] = []
    """Where the last label of each row ends, in pixels of the narrowest chart."""
    for item in shown:
        x = ruler.at(item.value)
        right = x / 100 * NARROW
        left = right - LETTER * len(item.label)
        rightwards = left < 0
        if rightwards:
            left, right = right, right + LETTER * len(item.label)
        row = next((at for at, end in enumerate(ends) if end + 6 < left), len(ends))
        ends[row : row + 1] = [right]
        y = drawing.height + 11 + 15 * row
        css, shift = ("note", 4) if rightwards else ("note end", -4)
        drawing.text(x, y, item.label, css, shift)
        drawing.line((x, x), (y - 10, drawing.height + 15 * len(shown)), "mark faint")
    drawing.height += 15 * len(ends) + 4
    return drawing.height - 4
