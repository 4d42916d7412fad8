"""The report as data: report.json holds a `Page`, and the two readable forms show nothing else.

report.json is an object of:

    task, title, line       "report"; what the page is about; the one line that sums it up
    sections                in the order in which they are read, each with what it has of
        id, title, lead     a name for links, a heading, a paragraph
        figures             before and after: title, kind, before, after, change, note
        steps               a flow: title, note, and a value of a kind where it was measured
        tables              id, caption, columns, rows; a row maps a column's key to its value
        charts              which columns of which table are drawn, and how
        commands            title and text, to be copied
    sources                 files that were used: path below the folder, task, sha256
    left_out                files that were not: path, why
    made_by                 what wrote it

A value is unrounded; its column's `kind` says what it counts and how it is written
(`formatting.form`). null was not measured. A column may name others, `low` and `high`, as the
bounds of its interval: those are keys of the row too. Columns of one `group` share a heading.
"""

from typing import Any

import msgspec

from coldforge import __version__

Value = str | int | float | bool | None
Row = dict[str, Value]


class Column(msgspec.Struct, omit_defaults=True):
    """A column of a table."""

    key: str
    title: str
    kind: str = "text"
    unit: str = ""
    group: str = ""
    low: str = ""
    high: str = ""


class Table(msgspec.Struct, omit_defaults=True):
    """Rows of values; the first column names the row."""

    id: str
    caption: str
    columns: list[Column]
    rows: list[Row]
    split: str = ""
    """Column at whose changes of value a line is drawn."""
    folded: bool = False
    """Whether it is folded at first, because it is long."""

    def column(self, key: str) -> Column:
        """Return a column by its key."""
        return next(item for item in self.columns if item.key == key)


class Mark(msgspec.Struct, omit_defaults=True):
    """A reference value in a chart: a card's memory, no change."""

    title: str
    value: float


class Chart(msgspec.Struct, omit_defaults=True):
    """Columns of a table to draw; it shows no other numbers."""

    kind: str
    """bars, stack, interval or heat."""
    title: str
    description: str = msgspec.field(name="says")
    """What it shows, for screen readers."""
    table: str
    label: str
    """Column that names a row of the chart."""
    values: list[str]
    """Columns that are drawn."""
    marks: list[Mark] = []
    across: str = ""
    """heat: column whose values are the columns of the chart."""
    text: str = ""
    """heat: column that is written into the cells."""
    log: bool = False


class Figure(msgspec.Struct, omit_defaults=True):
    """One quantity before and after."""

    title: str
    kind: str
    after: Value
    before: Value = None
    change: Value = None
    change_kind: str = "times"
    note: str = ""


class FlowStep(msgspec.Struct, omit_defaults=True):
    """One step of a flow."""

    title: str
    value: Value = None
    kind: str = "text"
    note: str = ""


class RebuildCommand(msgspec.Struct, omit_defaults=True):
    """A command to run."""

    title: str
    text: str


class Section(msgspec.Struct, omit_defaults=True):
    """A part of the page under its heading."""

    id: str
    title: str
    lead: str = ""
    figures: list[Figure] = []
    steps: list[FlowStep] = []
    charts: list[Chart] = []
    tables: list[Table] = []
    commands: list[RebuildCommand] = []

    def table(self, name: str) -> Table:
        """Return a table by its id."""
        return next(item for item in self.tables if item.id == name)


class Source(msgspec.Struct, omit_defaults=True):
    """A file that was used."""

    path: str
    task: str
    sha256: str


class LeftOut(msgspec.Struct, omit_defaults=True):
    """A file that was not used."""

    path: str
    why: str


class Page(msgspec.Struct):
    """The whole report."""

    title: str
    line: str
    sections: list[Section]
    sources: list[Source] = []
    left_out: list[LeftOut] = []
    made_by: str = f"Coldforge {__version__}"
    task: str = "report"

    def json(self) -> dict[str, Any]:
        """Return it as report.json holds it."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


def read_page(data: bytes) -> Page:
    """Read a page from its report.json."""
    return msgspec.json.decode(data, type=Page)
