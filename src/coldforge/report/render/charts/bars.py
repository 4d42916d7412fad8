"""Bars in groups: one group a row of the table, one bar a column of it."""

from coldforge.report.page.formatting import form
from coldforge.report.page.model import Chart, Table
from coldforge.report.render.charts.sheet import Sheet, figure, figures, ruler


def bars(chart: Chart, table: Table) -> str:
    """Draw them from zero, each under its name and value."""
    sheet = Sheet(chart, table)
    columns = [table.column(key) for key in chart.values]
    kind = columns[0].kind
    marks = [mark.value for mark in chart.marks]
    along = ruler([0.0, *marks, *figures(table.rows, chart.values)], kind)
    sheet.height = top = 18.0 if chart.marks else 0.0
    for row in table.rows:
        sheet.text(0, sheet.height + 14, form(row.get(chart.label), "text"), "group")
        sheet.height += 22
        for at, column in enumerate(columns):
            value = figure(row.get(column.key))
            if value is None:
                continue
            sheet.text(0, sheet.height + 11, column.title, "label")
            sheet.text(100, sheet.height + 11, form(value, kind), "value end")
            end = along.at(value)
            sheet.rect(0, sheet.height + 16, (end, 9), f"s{at % 4}")
            sheet.height += 31
        sheet.height += 7
    for mark in chart.marks:
        x = along.at(mark.value)
        sheet.line((x, x), (top - 4, sheet.height), "mark")
        words = f"{mark.title}, {form(mark.value, kind)}"
        sheet.text(x, 11, words, "note end" if x > 50 else "note")
    sheet.grid(top, along)
    return sheet.svg()
