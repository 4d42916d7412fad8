from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from coldforge.deploy.remote import Remote, said
from coldforge.deploy.target import parse_target
from coldforge.errors import ColdforgeError
from coldforge.mirror.settings.registries import Containers, Mirror, Registry

Answer = Callable[[httpx.Request], httpx.Response]


def remote(answer: Answer, host: str = "registry.example.org") -> Remote:
    http = httpx.Client(transport=httpx.MockTransport(answer))
    return Remote(http, parse_target(f"{host}/demo"), Containers())


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (
            "/v2/demo/blobs/uploads/1?a=b",
            "https://registry.example.org/v2/demo/blobs/uploads/1?a=b",
        ),
        ("http://registry.example.org/up/1", "https://registry.example.org/up/1"),
        ("https://other.example.org/up/1", "https://other.example.org/up/1"),
        ("http://other.example.org/up/1", "http://other.example.org/up/1"),
    ],
)
def test_an_upload_goes_on_where_the_answer_says_and_stays_on_tls(
    location: str, place: str
) -> None:
    there = remote(lambda _: httpx.Response(202, headers={"location": location}))
    answer = there.send("POST", there.url("blobs", "uploads/"))
    assert there.location(answer) == place


def test_what_is_no_registry_is_said() -> None:
    with pytest.raises(ColdforgeError, match="does not speak as a registry: HTTP 404"):
        remote(lambda _: httpx.Response(404)).greet()
    remote(lambda _: httpx.Response(401)).greet()


def test_a_proxy_that_takes_nothing_large_is_told_apart() -> None:
    there = remote(lambda _: httpx.Response(413))
    with pytest.raises(ColdforgeError, match="takes no request so large"):
        there.ask("PATCH", there.url("blobs", "uploads/1"))


def test_a_registrys_words_are_one_line_without_secrets() -> None:
    body = b'{"errors": [{"message": "see\\nhttps://anna:secret@example.org/x?sig=abc"}]}'
    assert said(httpx.Response(400, content=body)) == (
        "HTTP 400 (see https://***@example.org/x?***)"
    )
    assert said(httpx.Response(502, content=b"<html>")) == "HTTP 502"
    assert said(httpx.Response(502, content=b"[1]")) == "HTTP 502"


def test_an_untrusted_certificate_is_said_with_what_to_do(tmp_path: Path) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    with pytest.raises(ColdforgeError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        remote(fail).greet()
    assert "certificate" in caught.value.hint


def test_a_registry_that_has_moved_is_found_and_its_mirrors_get_no_push() -> None:
    table = Registry(
        location="inner.example.org/all",
        prefix="registry.example.org",
        mirror=[Mirror("mirror.example.org")],
    )
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    target = parse_target("registry.example.org/team/demo")
    there = Remote(http, target, Containers(registries=[table], mirrors=["https://m.example.org"]))
    assert there.url("blobs", "uploads/") == (
        "https://inner.example.org/v2/all/team/demo/blobs/uploads/"
    )
