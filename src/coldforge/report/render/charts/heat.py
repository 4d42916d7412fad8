"""A field of cells: one row and one column each for what two columns of a table say."""

import math

from coldforge.report.page.formatting import form
from coldforge.report.page.model import Chart, Table
from coldforge.report.render.charts.sheet import Sheet, figure, figures

LEVELS = 5
FORWARD = ("c_attn", "q", "k", "v", "o", "gate", "up", "c_fc", "down", "c_proj")
FIRST = 9.0
"""Per cent that the names of rows take."""


def heat(chart: Chart, table: Table) -> str:
    """Shade each cell by one column, by decades; write another into it."""
    sheet = Sheet(chart, table)
    (key,) = chart.values
    kind = table.column(key).kind
    down = sorted({str(row.get(chart.label)) for row in table.rows}, key=_natural)
    across = sorted({str(row.get(chart.across)) for row in table.rows}, key=_forward)
    names = [_short(part) for part in across]
    names = names if len(set(names)) == len(names) else across
    known = [value for value in figures(table.rows, [key]) if value > 0]
    low, high = min(known, default=1.0), max(known, default=1.0)
    wide, tall = (100 - FIRST) / max(1, len(across)), 22.0 if len(down) <= 40 else 17.0
    for at, name in enumerate(names):
        sheet.text(FIRST + wide * (at + 0.5), 13, name, "tick middle")
    for row in table.rows:
        value = figure(row.get(key))
        x = FIRST + wide * across.index(str(row.get(chart.across)))
        y = 20 + tall * down.index(str(row.get(chart.label)))
        level = _level(value, low, high)
        damage, text = form(value, kind), form(row.get(chart.text), "count")
        sheet.rect(x, y, (wide, tall), f"h{level} cell", f"{row.get('layer')}: {damage}, {text}")
        sheet.text(x + wide / 2, y + tall / 2 + 4, text, f"t{level} middle")
    for at, name in enumerate(down):
        sheet.text(0, 20 + tall * (at + 0.5) + 4, name, "tick")
    sheet.height = 20 + tall * len(down)
    _legend(sheet, form(low, kind), form(high, kind))
    return sheet.svg()


def _short(part: str) -> str:
    """Shorten a layer's name within its block to what tells it from others."""
    return part.rpartition(".")[2].removesuffix("_proj")


def _forward(part: str) -> tuple[bool, int, str]:
    """Sort a block's layers as the forward pass meets them."""
    name = _short(part)
    return "attn" not in part, FORWARD.index(name) if name in FORWARD else len(FORWARD), part


def _level(value: float | None, low: float, high: float) -> int:
    """Place a value among the shades, by its logarithm."""
    if value is None or value <= 0 or low == high:
        return 0
    share = math.log(value / low) / math.log(high / low)
    return min(LEVELS - 1, int(share * LEVELS))


def _legend(sheet: Sheet, low: str, high: str) -> None:
    y = sheet.height + 12
    sheet.text(FIRST + 24, y + 11, low, "tick end", -8)
    for level in range(LEVELS):
        sheet.rect(FIRST + 24 + 6 * level, y, (6, 14), f"h{level}")
    sheet.text(FIRST + 24 + 6 * LEVELS, y + 11, high, "tick", 8)
    sheet.height = y + 20


def _natural(name: str) -> tuple[int, str]:
    return (int(name) if name.isdigit() else -1, name)
