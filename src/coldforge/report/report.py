"""Make a report: read results, compose the page, write it in its three forms."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.files.output import refuse_foreign, whole, write_card
from coldforge.report.page.model import Page
from coldforge.report.render.html import html
from coldforge.report.render.markdown import markdown
from coldforge.report.results.gather import Runs, gather
from coldforge.report.results.models import models_of
from coldforge.report.results.subject import headline, page_title
from coldforge.report.sections import make_sections

REPORT = "report"
PAGE = "report.html"


@dataclass(frozen=True)
class Made:
    """A report that was written."""

    page: str
    """Path of the page."""
    json: dict[str, Any]
    """Content of report.json."""


def make_report(runs: Path, out: Path) -> Made:
    """Write report.html, report.md and report.json of the results below `runs` into `out`.

    Raise ColdforgeError if there are no results, or `out` holds something else.
    """
    if runs.resolve().is_relative_to(out.resolve()):
        raise ColdforgeError(
            f"the folder of results {runs} lies in {out}, which is replaced", "give another --out"
        )
    refuse_foreign(out, REPORT)
    page = compose(gather(runs, exclude=out))
    with whole(out, REPORT) as folder:
        found = page.json()
        text = json.dumps(found, indent=2, ensure_ascii=False, allow_nan=False)
        (folder / "report.json").write_text(f"{text}\n", "utf-8")
        (folder / "report.md").write_text(markdown(page), "utf-8")
        (folder / PAGE).write_text(html(page), "utf-8")
        write_card(folder, REPORT, {})
    return Made(str(out / PAGE), found)


def compose(runs: Runs) -> Page:
    """Put together every section that the results have something for."""
    models = models_of(runs)
    return Page(
        title=page_title(models),
        line=headline(runs, models),
        sections=make_sections(runs, models),
        sources=runs.sources,
        left_out=runs.left_out,
    )
