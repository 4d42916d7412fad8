"""The page as one HTML file that holds its styles, charts and script, and fetches nothing."""

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

import msgspec

from coldforge.report.page.formatting import WORDS, form
from coldforge.report.page.model import Column, LeftOut, Page, Source, Table
from coldforge.report.render.charts import draw

SOURCES = files("coldforge.report.render")
"""Folder of the template and the page's style and script."""
ICONS = {
    "Load": "M12 3v11m-4-4 4 4 4-4M4 15v4a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-4",
    "Quantise": "M3 20h4v-5h4v-5h4V5h6M3 20C9 19 16 13 21 5",
    "Save": "M5 3h11l4 4v12a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2m2 0v5h8V3M7 21v-7h9v7",
    "Build": "M12 3l9 5-9 5-9-5 9-5m9 9-9 5-9-5m18 4-9 5-9-5",
    "Infer": "M6 4l13 8-13 8V4",
    "Result": "M4 12.5l5.5 5.5L20 7",
}
"""SVG paths in a box of 24 by 24, by the step of the flow."""


def html(page: Page) -> str:
    """Render the page; its data are text, never markup."""
    style, script = (SOURCES.joinpath(name).read_text("utf-8") for name in ("style.css", "copy.js"))
    text: str = _template().render(
        page=page,
        sources=_files("sources", "Files used", page.sources, "sha256"),
        left_out=_files("left-out", "Files not used", page.left_out, "why"),
        words=WORDS,
        icons={name: _icon(strokes) for name, strokes in ICONS.items()},
        style=_raw(style),
        script=_raw(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return text


@cache
def _template() -> Any:  # noqa: ANN401 - jinja2's
    """Compile the page's template; values are escaped unless marked safe."""
    from jinja2 import Environment

    env = Environment(autoescape=True, keep_trailing_newline=True)
    env.filters |= {"draw": draw, "form": form, "runs": _runs, "tojson": _json}
    return env.from_string(SOURCES.joinpath("template.html.j2").read_text("utf-8"))


def _files(name: str, caption: str, rows: "list[Source] | list[LeftOut]", last: str) -> Table:
    columns = [Column("path", "File")]
    columns += [Column("task", "Task")] if last == "sha256" else []
    columns.append(Column(last, last if last == "sha256" else "Why", _kind(last)))
    return Table(name, caption, columns, [msgspec.structs.asdict(row) for row in rows])


def _kind(name: str) -> str:
    return "digest" if name == "sha256" else "text"


def _icon(strokes: str) -> str:
    return (
        f'<svg viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d="{strokes}"/></svg>'
    )


def _runs(columns: list[Column]) -> Iterator[tuple[str, list[Column]]]:
    """Split columns into runs under the same heading."""
    for name, group in groupby(columns, key=lambda column: column.group):
        yield name, list(group)


def _json(value: Any) -> str:  # noqa: ANN401 - what a row holds
    return msgspec.json.encode(value).decode()


def _raw(text: str) -> Any:  # noqa: ANN401 - markupsafe's
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - our own files
