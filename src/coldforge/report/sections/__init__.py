"""The sections of the page: one module each, found by its SECTION; nobody lists them elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass

from coldforge.plugins import provided
from coldforge.report.page.model import Section
from coldforge.report.results.gather import Runs
from coldforge.report.results.models import Models


@dataclass(frozen=True)
class SectionMaker:
    """Makes one section of the page; `order` is its position among the others.

    A module of this package declares one:

        def make(runs: Runs, models: Models) -> Section | None:
            ...

        SECTION = SectionMaker(order=35, make=make)
    """

    order: int
    make: Callable[[Runs, Models], Section | None]
    """Returns None where the results have nothing for the section."""


def make_sections(runs: Runs, models: Models) -> list[Section]:
    """Make every section that the results have something for, in their order."""
    makers = sorted(provided(__name__, "SECTION").values(), key=lambda maker: maker.order)
    sections = (maker.make(runs, models) for maker in makers)
    return [section for section in sections if section]
