import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coldforge.report.page.formatting import form
from coldforge.report.page.model import (
    Column,
    Figure,
    FlowStep,
    Page,
    RebuildCommand,
    Section,
    Table,
)
from coldforge.report.render.html import html
from coldforge.report.report import compose
from coldforge.report.results.gather import gather
from tests.report.reading import Datum, read
from tests.report.samples import everything

CHART = re.compile(r"<svg class=\"chart\".*?</svg>", re.DOTALL)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return compose(gather(everything(tmp_path_factory.mktemp("runs"))))


def cells(page: Page) -> list[Datum]:
    """List what must stand on the page: every value of every table, in order."""
    found = []
    for table in (table for section in page.sections for table in section.tables):
        for at, row in enumerate(table.rows):
            for column in table.columns:
                keys = [column.key]
                if column.low and row.get(column.low) is not None:
                    keys += [column.low, column.high]
                found += [
                    Datum(table.id, at, key, row.get(key), form(row.get(key), column.kind))
                    for key in keys
                ]
    return found


def test_every_number_in_a_table_is_the_json_s_and_none_is_missing(page: Page) -> None:
    shown = [item for item in read(html(page)).data if item.table not in {"figures", "steps"}]
    shown = [item for item in shown if item.table not in {"sources", "left-out"}]
    wanted = cells(page)
    assert len(wanted) > 300
    assert shown == wanted


def test_the_figures_and_the_flow_say_what_the_json_says(page: Page) -> None:
    shown = [item for item in read(html(page)).data if item.table in {"figures", "steps"}]
    wanted = []
    for section in page.sections:
        for at, item in enumerate(section.figures):
            wanted.append(Datum("figures", at, "before", item.before, form(item.before, item.kind)))
            wanted.append(Datum("figures", at, "after", item.after, form(item.after, item.kind)))
            change = form(item.change, item.change_kind)
            wanted.append(Datum("figures", at, "change", item.change, change))
        wanted += [
            Datum("steps", at, "value", step.value, form(step.value, step.kind))
            for at, step in enumerate(section.steps)
            if step.value is not None
        ]
    assert shown == wanted


def test_every_number_in_a_chart_is_in_a_table_too(page: Page) -> None:
    known = {item.text for item in cells(page)}
    pictures = [ET.fromstring(text) for text in CHART.findall(html(page))]
    assert len(pictures) == sum(len(section.charts) for section in page.sections) == 9
    values = [
        item.text
        for picture in pictures
        for item in picture.iter("text")
        if "value" in (item.get("class") or "")
    ]
    assert len(values) > 10
    assert set(values) <= known


def test_charts_have_titles_and_descriptions(page: Page) -> None:
    for text in CHART.findall(html(page)):
        picture = ET.fromstring(text)
        names = (picture.get("aria-labelledby") or "").split()
        said = {item.get("id"): item.text for item in picture.iter() if item.get("id")}
        assert picture.get("role") == "img"
        assert all(said[name] for name in names)
        assert len(names) == 2


def test_ids_are_unique(page: Page) -> None:
    names = [has["id"] for _, has in read(html(page)).tags if "id" in has]
    assert len(names) == len(set(names))


def test_the_page_works_with_a_screen_reader_and_a_keyboard(page: Page) -> None:
    reading = read(html(page))
    tags = [tag for tag, _ in reading.tags]
    assert {"header", "nav", "main", "footer"} <= set(tags)
    assert ("html", {"lang": "en-GB"}) in reading.tags
    assert tags.count("h1") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert tags.count("table") == tags.count("caption")
    assert all(has.get("scope") for tag, has in reading.tags if tag == "th")
    names = {has.get("id") for _, has in reading.tags}
    links = [has["href"] or "" for tag, has in reading.tags if tag == "a"]
    assert {link.removeprefix("#") for link in links} <= names
    scrolled = [has for _, has in reading.tags if has.get("role") == "region"]
    assert all(has["tabindex"] == "0" and has["aria-labelledby"] in names for has in scrolled)


def test_nothing_is_fetched(page: Page) -> None:
    text = html(page)
    reading = read(text)
    for tag, has in reading.tags:
        assert tag not in {"img", "iframe", "object", "embed", "audio", "video", "base", "form"}
        assert not has.get("src")
        assert (has.get("href") or "#").startswith(("#", "data:,"))
    assert "//" not in text.replace("default-src", "")
    assert "@import" not in text
    assert set(re.findall(r"url\((.*?)\)", text)) <= {"#hatch", "#dots"}


def test_digests_are_complete(page: Page) -> None:
    digests = {
        str(row[column.key])
        for section in page.sections
        for table in section.tables
        for column in table.columns
        if column.kind == "digest"
        for row in table.rows
        if row.get(column.key)
    }
    text = "".join(read(html(page)).text)
    assert digests
    assert all(digest in text for digest in digests)


@settings(max_examples=25)
@given(st.text(alphabet="<>&\"'{}%`/ab\n", min_size=1, max_size=12).map("<script>{}".format))
def test_names_are_never_markup(name: str) -> None:
    columns = [Column("a", name), Column("b", name, "digest", unit=name, group=name)]
    table = Table("t", name, columns, [{"a": name, "b": name}], split="a", folded=True)
    section = Section(
        "s", name, name, [Figure(name, "text", name, name, name, "text", name)],
        [FlowStep(name, name, note=name)], tables=[table], commands=[RebuildCommand(name, name)],
    )  # fmt: skip
    reading = read(html(Page(name, name, [section])))
    assert [tag for tag, _ in reading.tags].count("script") == 1
    expected = {(item.key, item.value, item.text) for item in reading.data if item.table == "t"}
    assert expected == {("a", name, name), ("b", name, name)}
    assert "".join(reading.text).count(name) >= 12
