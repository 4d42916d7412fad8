import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from coldforge.report.page.formatting import form
from coldforge.report.page.model import Column, Page, RebuildCommand, Section, Table
from coldforge.report.render.markdown import markdown, plain
from coldforge.report.report import compose
from coldforge.report.results.gather import gather
from tests.report.samples import everything

HOSTILE = st.text(alphabet="<>&|`*_#[]()!\\ \nab", min_size=1, max_size=12)


def tables(text: str) -> list[list[list[str]]]:
    """Read every table: rows of cells."""
    found: list[list[list[str]]] = []
    before = ""
    for line in text.splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                found.append([])
            found[-1].append(re.split(r"(?<!\\)(?:\\\\)*\|", line)[1:-1])
        before = line
    return found


def test_tables_are_complete_and_hold_the_json_s_numbers(tmp_path: Path) -> None:
    page = compose(gather(everything(tmp_path)))
    found = tables(markdown(page))
    wanted = [table for section in page.sections for table in section.tables]
    assert len(found) == len(wanted) + 2  # the figures, and the files
    for rows, table in zip(found[1:-1], wanted, strict=True):
        assert {len(row) for row in rows} == {len(table.columns)}
        assert all(set(cell.strip()) <= set("-:") for cell in rows[1])
        for row, cells in zip(table.rows, rows[2:], strict=True):
            for column, cell in zip(table.columns, cells, strict=True):
                said = plain(form(row.get(column.key), column.kind))
                assert cell.strip().startswith(said)


@given(HOSTILE)
def test_no_name_breaks_a_table(name: str) -> None:
    table = Table("t", name, [Column("a", name), Column("b", name)], [{"a": name, "b": name}])
    page = Page(name, name, [Section("s", name, tables=[table])])
    rows = tables(markdown(page))[0]
    assert [len(row) for row in rows] == [2, 2, 2]


@given(HOSTILE)
def test_markdown_s_special_characters_are_escaped(name: str) -> None:
    assert not re.search(r"(?<!\\)[<>|`*_\[\]#&]", plain(name).replace("\\\\", ""))
    assert "\n" not in plain(name)


@given(st.text(alphabet="`a\n", min_size=1))
def test_a_command_does_not_leave_its_fence(text: str) -> None:
    page = Page("t", "l", [Section("s", "S", commands=[RebuildCommand("c", text)])])
    lines = markdown(page).split("\n")
    first = next(at for at, line in enumerate(lines) if line.endswith("sh"))
    fence = lines[first].removesuffix("sh")
    inside = lines[first + 1 : first + 1 + len(text.split("\n"))]
    assert inside == text.split("\n")
    assert all(fence not in line for line in inside)
    assert lines[first + 1 + len(inside)] == fence
