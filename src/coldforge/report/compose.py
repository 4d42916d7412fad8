"""Compose the page of a folder of results."""

from coldforge.report.gather import Runs
from coldforge.report.models import models_of
from coldforge.report.page import Page
from coldforge.report.sections import (
    accuracy,
    flow,
    loader,
    memory,
    missing,
    provenance,
    rebuild,
    sensitivity,
    speed,
    summary,
    variants,
)

SECTIONS = (
    summary, flow, speed, memory, accuracy, sensitivity, variants, loader, missing, provenance,
    rebuild,
)  # fmt: skip
"""In the order in which they are read."""


def compose(runs: Runs) -> Page:
    """Put together every section that the results have something for."""
    models = models_of(runs)
    made = (room.section(runs, models) for room in SECTIONS)
    return Page(
        title=summary.title_of(models),
        line=summary.line_of(runs, models),
        sections=[item for item in made if item],
        sources=runs.sources,
        left_out=runs.left_out,
    )
