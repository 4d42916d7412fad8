"""The page as Markdown: the same headings, numbers and commands."""

import re
from collections.abc import Iterator, Sequence

from coldforge.report.page.formatting import WORDS, form
from coldforge.report.page.model import (
    Column,
    Figure,
    FlowStep,
    Page,
    RebuildCommand,
    Row,
    Section,
    Table,
)

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$!])")
FIGURE = (False, True, True, True, False)
"""Which columns of the figures are aligned right."""
TICKS = re.compile("`+")


def markdown(page: Page) -> str:
    """Render the page; its data are text, never markup."""
    lines = [f"# {plain(page.title)}", "", plain(page.line), ""]
    for section in page.sections:
        lines += _section(section)
    lines += ["## Files", "", *_cells(["File", "Task", "sha256"], [False] * 3)]
    lines += [_row([plain(item.path), plain(item.task), item.sha256]) for item in page.sources]
    if page.left_out:
        lines += ["", "Not used:", "", *_cells(["File", "Why"], [False] * 2)]
        lines += [_row([plain(item.path), plain(item.why)]) for item in page.left_out]
    return "\n".join([*lines, "", f"Made by {plain(page.made_by)}.", ""])


def plain(text: str) -> str:
    """Write untrusted text on one line, with Markdown's special characters escaped."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {plain(section.title)}", "")
    if section.lead:
        yield from (plain(section.lead), "")
    if section.figures:
        yield from _cells(["", "before", "after", "change", ""], FIGURE)
        yield from (*map(_figure, section.figures), "")
    if section.steps:
        yield from (" → ".join(map(_step, section.steps)), "")
    for table in section.tables:
        yield from (f"### {plain(table.caption)}", "", *_table(table), "")
    for command in section.commands:
        yield from _command(command)


def _figure(item: Figure) -> str:
    values = [form(item.before, item.kind), form(item.after, item.kind)]
    change = form(item.change, item.change_kind)
    return _row([plain(item.title), *map(plain, [*values, change, item.note])])


def _step(step: FlowStep) -> str:
    took = f" {form(step.value, step.kind)}" if step.value is not None else ""
    return plain(f"{step.title.lower()}{took}{f' ({step.note})' if step.note else ''}")


def _table(table: Table) -> Iterator[str]:
    yield from _cells(
        [_title(column) for column in table.columns],
        [column.kind not in WORDS for column in table.columns],
    )
    for row in table.rows:
        yield _row([_value(row, column) for column in table.columns])


def _title(column: Column) -> str:
    title = ": ".join(filter(None, (column.group, column.title)))
    return plain(f"{title}, {column.unit}" if column.unit else title)


def _value(row: Row, column: Column) -> str:
    text = form(row.get(column.key), column.kind)
    if column.low and row.get(column.low) is not None:
        low, high = (form(row.get(key), column.kind) for key in (column.low, column.high))
        text += f" ({low} to {high})"
    return plain(text)


def _cells(titles: Sequence[str], right: Sequence[bool]) -> list[str]:
    """Write the head of a table."""
    return [_row(titles), _row(["---:" if item else "---" for item in right])]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _command(command: RebuildCommand) -> Iterator[str]:
    """Fence a command with more backticks than it contains."""
    most = max(map(len, TICKS.findall(command.text)), default=0)
    fence = "`" * max(3, most + 1)
    yield from (f"{plain(command.title)}:", "", f"{fence}sh", command.text, fence, "")
