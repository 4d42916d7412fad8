"""Parse a page: the values in its cells, its tags and its text."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"br", "hr", "img", "input", "link", "meta", "line", "rect", "circle", "path"}


@dataclass
class Datum:
    """A value on the page: its table, row and column, its data-value and its text."""

    table: str
    row: int
    key: str
    value: Any
    text: str = ""


@dataclass
class Reading(HTMLParser):
    """The parts of a page that tests check."""

    data: list[Datum] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    _open: list[tuple[str, Datum | None]] = field(default_factory=list)
    _table: str = ""
    _row: int = -1

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self._place(tag, given)
        datum = None
        if (key := given.get("data-key")) is not None:
            value = json.loads(given["data-value"] or "")
            datum = Datum(self._table, self._row, key, value)
            self.data.append(datum)
        if tag not in VOID:
            self._open.append((tag, datum))

    def _place(self, tag: str, given: dict[str, str | None]) -> None:
        if tag == "table":
            self._table, self._row = (given.get("id") or "").removeprefix("table-"), -1
        elif tag == "tbody":
            self._row = -1
        elif tag == "tr":
            self._row += 1
        elif tag == "li":
            at = given.get("data-figure") or given.get("data-step")
            self._table = "figures" if "data-figure" in given else "steps"
            self._row = int(at or 0)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            opened, _ = self._open.pop()
            assert opened == tag, f"<{opened}> closed by </{tag}>"

    def handle_data(self, data: str) -> None:
        if not any(tag in {"style", "script"} for tag, _ in self._open):
            self.text.append(data)
        for _, datum in self._open:
            if datum:
                datum.text += data


def read(page: str) -> Reading:
    reading = Reading()
    reading.feed(page)
    reading.close()
    assert reading._open == []
    return reading
