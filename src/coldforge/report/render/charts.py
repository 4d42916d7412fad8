"""The charts of a page: columns of its tables, drawn as SVG."""

from functools import partial

from coldforge.charts.axis import Axis
from coldforge.charts.bars import Group, grouped_bars, stacked_bars
from coldforge.charts.drawing import Caption, Reference
from coldforge.charts.heatmap import Cell, heatmap
from coldforge.charts.intervals import IntervalRow, intervals
from coldforge.report.page.formatting import SUPERSCRIPT, form, minus
from coldforge.report.page.model import Chart, Row, Section, Table, Value

UNITS = {
    "share": (0.01, "{:g} %"),
    "change": (0.01, "{:+g} %"),
    "memory": (2.0**30, "{:g} GiB"),
    "times": (1.0, "{:g}\N{MULTIPLICATION SIGN}"),
}
"""Unit of an axis and format of its ticks, by the kind of value."""
TINY = 1e-100
"""Smaller values are drawn as 0."""
FORWARD = ("c_attn", "q", "k", "v", "o", "gate", "up", "c_fc", "down", "c_proj")
"""Layers of a block in the order of the forward pass."""


def draw(chart: Chart, section: Section) -> str:
    """Return a chart of a section as SVG."""
    return KINDS[chart.kind](chart, section.table(chart.table))


def _bars(chart: Chart, table: Table) -> str:
    columns = [table.column(key) for key in chart.values]
    axis = _axis(columns[0].kind)
    references = [
        Reference(f"{mark.title}, {axis.write(mark.value)}", mark.value) for mark in chart.marks
    ]
    titles = [column.title for column in columns]
    return grouped_bars(_caption(chart), axis, titles, _groups(chart, table), references)


def _stack(chart: Chart, table: Table) -> str:
    columns = [table.column(key) for key in chart.values]
    references = [
        Reference(f"{mark.title}: {form(mark.value, 'memory')}", mark.value) for mark in chart.marks
    ]
    titles = [column.title for column in columns]
    axis, groups = _axis(columns[0].kind), _groups(chart, table)
    return stacked_bars(_caption(chart), axis, titles, groups, references)


def _interval(chart: Chart, table: Table) -> str:
    (key,) = chart.values
    column = table.column(key)
    bounds = column.low, column.high
    rows = [
        IntervalRow(_label(chart, row), value, *(number(row.get(one)) for one in bounds))
        for row in table.rows
        if (value := number(row.get(key))) is not None
    ]
    references = [Reference(mark.title, mark.value) for mark in chart.marks]
    return intervals(_caption(chart), _axis(column.kind, chart.log), rows, references)


def _heat(chart: Chart, table: Table) -> str:
    """Shade blocks from top to bottom, their layers side by side."""
    (key,) = chart.values
    kind = table.column(key).kind
    rows = sorted({str(row.get(chart.label)) for row in table.rows}, key=_natural)
    parts = sorted({str(row.get(chart.across)) for row in table.rows}, key=_forward)
    short = [_short(part) for part in parts]
    cells = []
    for row in table.rows:
        damage, text = form(row.get(key), kind), form(row.get(chart.text), "count")
        at = rows.index(str(row.get(chart.label))), parts.index(str(row.get(chart.across)))
        tip = f"{row.get('layer')}: {damage}, {text}"
        cells.append(Cell(*at, number(row.get(key)), text, tip))
    names = short if len(set(short)) == len(short) else parts
    return heatmap(_caption(chart), rows, names, cells, partial(form, kind=kind))


KINDS = {"bars": _bars, "heat": _heat, "interval": _interval, "stack": _stack}


def number(value: Value) -> float | None:
    """Return a number to draw; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) > TINY else 0.0


def _caption(chart: Chart) -> Caption:
    name = f"{chart.table}-{chart.kind}-{chart.values[0]}"
    return Caption(name, chart.title, chart.description)


def _groups(chart: Chart, table: Table) -> list[Group]:
    return [
        Group(_label(chart, row), [number(row.get(key)) for key in chart.values])
        for row in table.rows
    ]


def _label(chart: Chart, row: Row) -> str:
    return form(row.get(chart.label), "text")


def _axis(kind: str, log: bool = False) -> Axis:
    """Make an axis for values of a kind."""
    unit, shape = UNITS.get(kind, (1.0, "{:,g}"))
    tick = partial(_tick, shape=shape, log=log)
    return Axis("", log, unit, tick, partial(form, kind=kind))


def _tick(value: float, shape: str, log: bool) -> str:
    if value == 0:
        return "0"
    if log and value < 1e-3:
        digits, power = f"{value:.0e}".split("e")
        raised = f"10{str(int(power)).translate(SUPERSCRIPT)}"
        return raised if digits == "1" else f"{digits}·{raised}"
    return minus(shape.format(round(value, 9) + 0.0))


def _short(part: str) -> str:
    """Shorten a layer's name within its block: self_attn.q_proj is q."""
    return part.rpartition(".")[2].removesuffix("_proj")


def _forward(part: str) -> tuple[bool, int, str]:
    """Sort a block's layers as the forward pass uses them."""
    name = _short(part)
    return "attn" not in part, FORWARD.index(name) if name in FORWARD else len(FORWARD), part


def _natural(name: str) -> tuple[int, str]:
    return (int(name) if name.isdigit() else -1, name)
