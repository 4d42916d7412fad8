"""Draw what a page asks for."""

from coldforge.report.charts.bars import bars
from coldforge.report.charts.heat import heat
from coldforge.report.charts.interval import interval
from coldforge.report.charts.stack import stack
from coldforge.report.page import Chart, Section

KINDS = {"bars": bars, "heat": heat, "interval": interval, "stack": stack}


def draw(chart: Chart, section: Section) -> str:
    """Return a chart of a section as SVG."""
    return KINDS[chart.kind](chart, section.table(chart.table))
