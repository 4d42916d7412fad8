from pathlib import Path

import httpx
import pytest

from coldforge.mirror.origins.python import simple_index
from coldforge.mirror.origins.python.simple_index import (
    FileLink,
    Pages,
    matching,
    parse_html,
    parse_json,
)
from coldforge.mirror.settings.pip import PipConfig

BASE = "https://example.org/simple/demo/"
HASH = "a" * 64


def test_html_links_are_resolved_and_hashes_taken() -> None:
    text = (
        f'<a href="../../f/demo-1%2Bcpu.whl#sha256={HASH.upper()}">x</a><a href="demo-1.zip">y</a>'
    )
    assert parse_html(text, BASE) == [
        FileLink("demo-1+cpu.whl", "https://example.org/f/demo-1%2Bcpu.whl", HASH),
        FileLink("demo-1.zip", f"{BASE}demo-1.zip", ""),
    ]


def test_json_files_are_resolved_and_hashes_taken() -> None:
    text = b'{"meta": {}, "files": [{"filename": "d.whl", "url": "../d.whl", "hashes": {}}]}'
    assert parse_json(text, BASE) == [FileLink("d.whl", "https://example.org/simple/d.whl", "")]


def test_a_link_with_another_hash_is_no_match() -> None:
    links = [
        FileLink("d.whl", "one", "b" * 64),
        FileLink("d.whl", "two"),
        FileLink("e.whl", "three", HASH),
    ]
    assert matching([*links, FileLink("d.whl", "four", HASH)], "d.whl", HASH) == ["two", "four"]


def test_a_folder_of_project_pages_is_an_index(tmp_path: Path) -> None:
    (tmp_path / "simple" / "demo").mkdir(parents=True)
    (tmp_path / "simple" / "demo" / "index.html").write_text('<a href="../../d.whl">d</a>')
    links = Pages(PipConfig()).project((tmp_path / "simple").as_uri(), "demo")
    assert links == [FileLink("d.whl", (tmp_path / "d.whl").as_uri())]
    assert Pages(PipConfig()).project((tmp_path / "simple").as_uri(), "other") == []


def test_find_links_may_be_a_folder_a_file_or_a_page(tmp_path: Path) -> None:
    (tmp_path / "d-1.whl").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "links.html").write_text('<a href="e-1.whl">e</a>')
    here = Pages(PipConfig())
    wheel = FileLink("d-1.whl", (tmp_path / "d-1.whl").as_uri())
    assert here.found(str(tmp_path)) == [wheel]
    assert here.found(tmp_path.as_uri()) == [wheel]
    assert here.found(str(tmp_path / "d-1.whl")) == [wheel]
    page = here.found(str(tmp_path / "links.html"))
    assert page == [FileLink("e-1.whl", (tmp_path / "e-1.whl").as_uri())]
    assert here.found(str(tmp_path / "none")) == []


def answering(monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception) -> list[str]:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        if isinstance(answer, Exception):
            raise answer
        return answer

    transport = httpx.MockTransport(respond)
    monkeypatch.setattr(simple_index, "client", lambda _: httpx.Client(transport=transport))
    return asked


def test_a_page_is_read_once_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, httpx.Response(200, html='<a href="d.whl">d</a>'))
    here = Pages(PipConfig())
    assert here.project("https://example.org/simple/", "demo") == [
        FileLink("d.whl", f"{BASE}d.whl")
    ]
    here.project("https://example.org/simple", "demo")
    assert asked == [BASE]


def test_json_is_told_from_html_by_its_type(monkeypatch: pytest.MonkeyPatch) -> None:
    page = {"files": [{"filename": "d.whl", "url": "d.whl", "hashes": {"sha256": HASH}}]}
    answering(monkeypatch, httpx.Response(200, json=page))
    links = Pages(PipConfig()).project("https://example.org/simple", "demo")
    assert links == [FileLink("d.whl", f"{BASE}d.whl", HASH)]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(500),
        httpx.Response(200, content=b"{", headers={"content-type": simple_index.JSON}),
        httpx.ConnectError("down"),
    ],
)
def test_an_index_that_is_down_counts_as_empty(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | Exception
) -> None:
    answering(monkeypatch, answer)
    assert Pages(PipConfig()).project("https://example.org/simple", "demo") == []


def test_an_indexs_credentials_go_to_its_own_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    html = '<a href="https://example.org/d.whl">d</a><a href="https://example.invalid/e.whl">e</a>'
    answering(monkeypatch, httpx.Response(200, html=html))
    links = Pages(PipConfig()).project("https://user:p%40ss@example.org/simple", "demo")
    assert [link.url for link in links] == [
        "https://user:p%40ss@example.org/d.whl",
        "https://example.invalid/e.whl",
    ]
