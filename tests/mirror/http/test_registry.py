from collections.abc import Callable
from pathlib import Path
from threading import Event

import httpx
import pytest

from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.mirror.http import registry
from coldforge.mirror.http.client import INDEX
from coldforge.mirror.http.registry import AnswerError, RegistryClient, error_text
from coldforge.mirror.http.retry import ATTEMPTS, StoppedError
from coldforge.mirror.settings.registries import RegistryEndpoint

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> RegistryClient:
    http = httpx.Client(transport=httpx.MockTransport(answer))
    return RegistryClient(http, RegistryEndpoint("registry.example.org", "demo"))


def test_what_is_no_registry_is_said() -> None:
    with pytest.raises(ColdforgeError, match="does not answer as a registry: HTTP 404"):
        client(lambda _: httpx.Response(404)).ping()
    client(lambda _: httpx.Response(401)).ping()


def test_a_proxy_that_takes_nothing_large_is_told_apart() -> None:
    there = client(lambda _: httpx.Response(413))
    with pytest.raises(ColdforgeError, match="does not accept a request this large"):
        there.ask("PATCH", there.url("blobs", "uploads/1"))


def test_a_registrys_words_are_one_line_without_secrets() -> None:
    body = b'{"errors": [{"message": "see\\nhttps://anna:secret@example.org/x?sig=abc"}]}'
    assert error_text(httpx.Response(400, content=body)) == (
        "HTTP 400 (see https://***@example.org/x?***)"
    )
    assert error_text(httpx.Response(502, content=b"<html>")) == "HTTP 502"
    assert error_text(httpx.Response(502, content=b"[1]")) == "HTTP 502"


def test_an_untrusted_certificate_is_said_with_what_to_do(tmp_path: Path) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    with pytest.raises(ColdforgeError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        client(fail).ping()
    assert "certificate" in caught.value.hint


DIGEST = "sha256:" + "0" * 64


def answering(*answers: httpx.Response) -> tuple[RegistryClient, list[httpx.Request]]:
    """A registry that gives these answers, and what it was asked."""
    left, asked = list(answers), []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return left.pop(0)

    return client(answer), asked


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited."""
    found: list[float] = []

    def unless(_: Event) -> Callable[[float], None]:
        return found.append

    monkeypatch.setattr(registry, "unless", unless)
    return found


def test_a_document_is_read_once_the_registry_is_not_busy(waits: list[float]) -> None:
    busy = httpx.Response(429, headers={"retry-after": "9"})
    there, asked = answering(
        busy, httpx.Response(503), httpx.Response(200, stream=httpx.ByteStream(b"{}"))
    )
    assert there.read("manifests", DIGEST) == b"{}"
    assert {str(request.url) for request in asked} == {
        f"https://registry.example.org/v2/demo/manifests/{DIGEST}"
    }
    assert len(waits) == 2
    assert waits[0] == 9.0


def test_a_document_that_is_not_there_is_asked_for_once(waits: list[float]) -> None:
    there, asked = answering(httpx.Response(404))
    with pytest.raises(AnswerError, match="HTTP 404") as caught:
        there.read("manifests", DIGEST)
    assert (caught.value.status, len(asked), waits) == (404, 1, [])


def test_a_registry_that_stays_busy_is_given_up(waits: list[float]) -> None:
    there, asked = answering(*[httpx.Response(503)] * ATTEMPTS)
    with pytest.raises(UnreachableError, match="fails: HTTP 503"):
        there.has("blobs", DIGEST)
    assert (len(asked), len(waits)) == (ATTEMPTS, ATTEMPTS - 1)


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
def test_a_blob_is_there_or_not(status: int, there: bool) -> None:
    repository, asked = answering(httpx.Response(status))
    assert repository.has("blobs", DIGEST) is there
    assert asked[0].method == "HEAD"


def test_a_manifest_is_put_and_the_answer_says_whether_its_subject_counts() -> None:
    kept = httpx.Response(201, headers={"oci-subject": DIGEST})
    there, asked = answering(kept, httpx.Response(201), httpx.Response(400))
    assert there.put_manifest("1", b"{}", "a/b")
    assert not there.put_manifest("1", b"{}", "a/b")
    with pytest.raises(ColdforgeError, match="refuses the manifest for 1: HTTP 400"):
        there.put_manifest("1", b"{}", "a/b")
    assert (asked[0].method, asked[0].headers["content-type"]) == ("PUT", "a/b")


def test_an_index_is_listed_and_none_is_not_an_empty_one() -> None:
    index = {"mediaType": INDEX, "manifests": [{"digest": DIGEST}]}
    answers = [httpx.Response(404), httpx.Response(200, json=index), httpx.Response(200, json={})]
    there, _ = answering(*answers)
    assert there.list_index("referrers", DIGEST) is None
    assert there.list_index("referrers", DIGEST) == [{"digest": DIGEST}]
    with pytest.raises(ColdforgeError, match="lists something else than referrers"):
        there.list_index("referrers", DIGEST)


def test_nothing_is_sent_once_the_run_ends() -> None:
    there, asked = answering(httpx.Response(200))
    there.stop.set()
    with pytest.raises(StoppedError):
        there.has("blobs", DIGEST)
    assert asked == []
