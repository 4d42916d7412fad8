"""A heat map for a page: cells in rows and columns, shaded by the logarithm of a value."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from coldforge.charts.drawing import Caption, Drawing

LEVELS = 5
"""Shades."""
FIRST = 9.0
"""Per cent of the width that the names of rows take."""
TOP = 20.0


@dataclass(frozen=True)
class Cell:
    """One cell: its row and column by position, the value that shades it, and its text."""

    row: int
    column: int
    value: float | None
    text: str
    tip: str
    """Shown under the pointer."""


def heatmap(
    caption: Caption,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Cell],
    write: Callable[[float], str],
) -> str:
    """Draw the cells below the columns' names; `write` spells the ends of the legend."""
    drawing = Drawing("%")
    values = [cell.value for cell in cells if cell.value is not None and cell.value > 0]
    low, high = min(values, default=1.0), max(values, default=1.0)
    wide, tall = (100 - FIRST) / max(1, len(columns)), 22.0 if len(rows) <= 40 else 17.0
    for at, name in enumerate(columns):
        drawing.text(FIRST + wide * (at + 0.5), 13, name, "tick middle")
    for cell in cells:
        x, y = FIRST + wide * cell.column, TOP + tall * cell.row
        level = _level(cell.value, low, high)
        drawing.rect(x, y, (wide, tall), f"h{level} cell", cell.tip)
        drawing.text(x + wide / 2, y + tall / 2 + 4, cell.text, f"t{level} middle")
    for at, name in enumerate(rows):
        drawing.text(0, TOP + tall * (at + 0.5) + 4, name, "tick")
    drawing.height = TOP + tall * len(rows)
    _legend(drawing, write(low), write(high))
    return drawing.inline(caption)


def _level(value: float | None, low: float, high: float) -> int:
    """Choose a shade; the lowest for what has no logarithm."""
    if value is None or value <= 0 or low == high:
        return 0
    share = math.log(value / low) / math.log(high / low)
    return min(LEVELS - 1, int(share * LEVELS))


def _legend(drawing: Drawing, low: str, high: str) -> None:
    y = drawing.height + 12
    drawing.text(FIRST + 24, y + 11, low, "tick end", -8)
    for level in range(LEVELS):
        drawing.rect(FIRST + 24 + 6 * level, y, (6, 14), f"h{level}")
    drawing.text(FIRST + 24 + 6 * LEVELS, y + 11, high, "tick", 8)
    drawing.height = y + 20
