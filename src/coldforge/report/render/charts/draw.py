"""Draw what a page asks for."""

from coldforge.report.page.model import Chart, Section
from coldforge.report.render.charts.bars import bars
from coldforge.report.render.charts.heat import heat
from coldforge.report.render.charts.interval import interval
from coldforge.report.render.charts.stack import stack

KINDS = {"bars": bars, "heat": heat, "interval": interval, "stack": stack}


def draw(chart: Chart, section: Section) -> str:
    """Return a chart of a section as SVG."""
    return KINDS[chart.kind](chart, section.table(chart.table))
