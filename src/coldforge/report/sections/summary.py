"""The main figures before and after: bytes, speed, memory, accuracy."""

from coldforge.report.page.model import Section
from coldforge.report.results.gather import Runs
from coldforge.report.results.models import Models
from coldforge.report.results.subject import find_subject
from coldforge.report.sections import SectionMaker


def make(_: Runs, models: Models) -> Section | None:
    """Show the figures of the model that the page is about."""
    subject = find_subject(models)
    figures = subject.figures() if subject else []
    if not subject or not figures:
        return None
    others = [model.name for model, _ in models.pairs() if model is not subject.model]
    beside = f" Also here: {', '.join(others)}." if others else ""
    how = f"{subject.model.name} was made by {subject.model.how}." if subject.model.how else ""
    return Section("summary", "Before and after", f"{how}{beside}".strip(), figures=figures)


SECTION = SectionMaker(order=10, make=make)
