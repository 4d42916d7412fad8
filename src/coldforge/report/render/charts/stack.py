"""Bars of several parts, against marks that they may or may not reach.

Parts differ in pattern too: the page defines `hatch` and `dots`.
"""

from html import escape

from coldforge.report.page.formatting import form
from coldforge.report.page.model import Chart, Column, Mark, Row, Table
from coldforge.report.render.charts.sheet import LETTER, NARROW, Ruler, Sheet, figures, ruler

LEAST = 0.4
"""Per cent that a part takes at least, to be seen."""


def stack(chart: Chart, table: Table) -> str:
    """Draw a bar a row; marks stand above, as far as the next one beyond the longest bar."""
    sheet = Sheet(chart, table)
    columns = [table.column(key) for key in chart.values]
    sums = [sum(figures([row], chart.values)) for row in table.rows]
    longest = max(sums, default=0.0)
    beyond = [mark.value for mark in chart.marks if mark.value >= longest]
    end = min(beyond, default=longest)
    marks = [mark for mark in chart.marks if mark.value <= end]
    along = ruler([0.0, end], columns[0].kind)
    _legend(sheet, columns)
    top = _names(sheet, along, marks)
    for row, total in zip(table.rows, sums, strict=True):
        _bar(sheet, along, columns, row)
        sheet.text(100, sheet.height + 12, form(total, columns[0].kind), "value end")
        sheet.height += 42
    for mark in marks:
        x = along.at(mark.value)
        sheet.line((x, x), (top, sheet.height), "mark")
    sheet.grid(top, along)
    return sheet.svg()


def _bar(sheet: Sheet, along: Ruler, columns: list[Column], row: Row) -> None:
    sheet.text(0, sheet.height + 12, form(row.get(sheet.chart.label), "text"), "label")
    sofar, x = 0.0, 0.0
    for at, column in enumerate(columns):
        for value in figures([row], [column.key]):
            sofar += value
            end = max(along.at(sofar), x + LEAST)
            tip = f"{column.title}: {form(value, column.kind)}"
            for look in (f"s{at}", f"p{at}"):
                sheet.rect(x, sheet.height + 18, (end - x, 14), look, tip)
            x = end


def _legend(sheet: Sheet, columns: list[Column]) -> None:
    left = 0.0
    for at, column in enumerate(columns):
        sheet.parts += [
            f'<rect x="{left:.0f}" y="2" width="14" height="12" class="{look}"/>'
            for look in (f"s{at}", f"p{at}")
        ]
        sheet.words.append(
            f'<text x="{left + 20:.0f}" y="12" class="label">{escape(column.title)}</text>'
        )
        left += 40 + LETTER * len(column.title)
    sheet.height = 28


def _names(sheet: Sheet, along: Ruler, marks: list[Mark]) -> float:
    """Write each mark's name left of its line, in the first row where there is room."""
    ends: list[float] = []
    for mark in marks:
        x = along.at(mark.value)
        words = f"{mark.title}: {form(mark.value, 'memory')}"
        right = x / 100 * NARROW
        left = right - LETTER * len(words)
        if left < 0:
            left, right = right, right + LETTER * len(words)
        row = next((at for at, end in enumerate(ends) if end + 6 < left), len(ends))
        ends[row : row + 1] = [right]
        turned = left >= x / 100 * NARROW - 1
        y = sheet.height + 11 + 15 * row
        sheet.text(x, y, words, "note" if turned else "note end", 4 if turned else -4)
        sheet.line((x, x), (y - 10, sheet.height + 15 * len(marks)), "mark faint")
    sheet.height += 15 * len(ends) + 4
    return sheet.height - 4
