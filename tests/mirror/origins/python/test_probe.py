import hashlib
from pathlib import Path

import httpx
import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.python import probe as module
from coldforge.mirror.origins.python.probe import answering, measure
from coldforge.mirror.origins.python.uv import File
from coldforge.mirror.settings.pip import PipConfig

DATA = b"some bytes"
SHA256 = hashlib.sha256(DATA).hexdigest()
URL = "https://example.org/d.whl"


def serving(
    monkeypatch: pytest.MonkeyPatch, head: httpx.Response, get: httpx.Response
) -> list[str]:
    asked: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return head if request.method == "HEAD" else get

    transport = httpx.MockTransport(respond)
    monkeypatch.setattr(module, "client", lambda _: httpx.Client(transport=transport))
    return asked


def test_a_length_is_asked_for_without_the_body(monkeypatch: pytest.MonkeyPatch) -> None:
    head = httpx.Response(200, headers={"content-length": "10"})
    asked = serving(monkeypatch, head, httpx.Response(500))
    file = File("d.whl", URL, SHA256, -1)
    assert measure([file], PipConfig()) == {URL: File("d.whl", URL, SHA256, 10)}
    assert asked == ["HEAD"]


@pytest.mark.parametrize("head", [httpx.Response(405), httpx.Response(200)])
def test_a_server_without_head_is_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch, head: httpx.Response
) -> None:
    head.headers.pop("content-length", None)
    serving(monkeypatch, head, httpx.Response(200, content=DATA))
    assert measure([File("d.whl", URL, SHA256, -1)], PipConfig())[URL].size == len(DATA)


def test_a_file_without_a_hash_is_read_to_learn_it(monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, httpx.Response(500), httpx.Response(200, stream=httpx.ByteStream(DATA)))
    found = measure([File("d.whl", URL, "", -1)], PipConfig())
    assert found[URL] == File("d.whl", URL, SHA256, len(DATA))


def test_what_the_index_said_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = serving(monkeypatch, httpx.Response(500), httpx.Response(500))
    file = File("d.whl", URL, SHA256, 10)
    assert measure([file], PipConfig()) == {URL: file}
    assert asked == []


def test_a_local_file_is_measured_in_place(tmp_path: Path) -> None:
    (tmp_path / "d.whl").write_bytes(DATA)
    url = (tmp_path / "d.whl").as_uri()
    assert measure([File("d.whl", url, "", -1)], PipConfig())[url].sha256 == SHA256


def test_a_file_that_cannot_be_measured_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, httpx.Response(500), httpx.Response(500))
    with pytest.raises(ColdforgeError, match=r"cannot learn the size of d\.whl") as caught:
        measure([File("d.whl", "https://user:secret@example.org/d.whl", SHA256, -1)], PipConfig())
    assert caught.value.hint
    assert "secret" not in caught.value.message


def test_any_answer_counts_as_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, httpx.Response(403), httpx.Response(403))
    assert answering(["https://example.org/s"], PipConfig()) == ["https://example.org/s"]
