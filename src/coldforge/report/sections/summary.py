"""What it came to: bytes, speed, accuracy, before and after."""

from coldforge.report.page.formatting import form
from coldforge.report.page.model import Figure, Section
from coldforge.report.results.gather import Runs
from coldforge.report.results.models import Models
from coldforge.report.results.subject import find_subject

LEFT_OUT = frozenset({"Host memory, peak", "Device memory, peak"})
"""Titles of figures that the line does without."""
NAMES = frozenset({"HumanEval pass@1"})
"""Titles that are not written small within a line."""


def section(_: Runs, models: Models) -> Section | None:
    """Show the figures of the model that the page is about."""
    subject = find_subject(models)
    figures = subject.figures() if subject else []
    if not subject or not figures:
        return None
    others = [model.name for model, _ in models.pairs() if model is not subject.model]
    beside = f" Also here: {', '.join(others)}." if others else ""
    how = f"{subject.model.name} was made by {subject.model.how}." if subject.model.how else ""
    return Section("summary", "Before and after", f"{how}{beside}".strip(), figures=figures)


def title_of(models: Models) -> str:
    """Name what the page is about."""
    subject = find_subject(models)
    return subject.title if subject else "Results"


def line_of(runs: Runs, models: Models) -> str:
    """Sum it up in one line: bytes, speed, accuracy."""
    subject = find_subject(models)
    said = (
        [_said(item) for item in subject.figures() if item.title not in LEFT_OUT] if subject else []
    )
    if not said:
        count = len(runs.results)
        return f"{count} result{'s' if count != 1 else ''}"
    line = "; ".join(said)
    return line[0].upper() + line[1:]


def _said(figure: Figure) -> str:
    after = form(figure.after, figure.kind)
    title = figure.title if figure.title in NAMES else figure.title.lower()
    if figure.before is None:
        return f"{title} {after}"
    change = f" ({form(figure.change, figure.change_kind)})" if figure.change is not None else ""
    return f"{title} {form(figure.before, figure.kind)} → {after}{change}"
