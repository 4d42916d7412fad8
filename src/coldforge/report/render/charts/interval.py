"""A point and its interval for each row of a table."""

from coldforge.report.page.formatting import form
from coldforge.report.page.model import Chart, Table
from coldforge.report.render.charts.sheet import Sheet, figure, figures, ruler

EDGE = 1.5
"""Per cent that a dot takes."""


def interval(chart: Chart, table: Table) -> str:
    """Draw what one column says, with the bounds it names."""
    sheet = Sheet(chart, table)
    (key,) = chart.values
    column = table.column(key)
    rows = [row for row in table.rows if figure(row.get(key)) is not None]
    known = figures(rows, [key, *filter(None, (column.low, column.high))])
    along = ruler([*known, *(mark.value for mark in chart.marks)], column.kind, chart.log, EDGE)
    sheet.height = top = 18.0 if chart.marks else 0.0
    for row in rows:
        value = figure(row[key]) or 0.0
        low, high = (figure(row.get(name)) for name in (column.low, column.high))
        y = sheet.height + 25
        sheet.text(0, sheet.height + 12, form(row.get(chart.label), "text"), "label")
        sheet.text(100, sheet.height + 12, form(value, column.kind), "value end")
        if low is not None and high is not None:
            ends = along.at(low), along.at(high)
            sheet.line(ends, (y, y), "span")
            for x in ends:
                sheet.line((x, x), (y - 5, y + 5), "span")
        sheet.parts.append(f'<circle cx="{along.at(value):.2f}%" cy="{y:.1f}" r="5" class="dot"/>')
        sheet.height += 38
    for mark in chart.marks:
        x = along.at(mark.value)
        sheet.line((x, x), (top - 4, sheet.height), "mark")
        sheet.text(x, 11, mark.title, "note end" if x > 50 else "note")
    sheet.grid(top, along)
    return sheet.svg()
