from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.http.registry import RegistryClient, error_text
from coldforge.mirror.settings.registries import Endpoint

Answer = Callable[[httpx.Request], httpx.Response]


def client(answer: Answer) -> RegistryClient:
    http = httpx.Client(transport=httpx.MockTransport(answer))
    return RegistryClient(http, Endpoint("registry.example.org", "demo"))


def test_what_is_no_registry_is_said() -> None:
    with pytest.raises(ColdforgeError, match="does not answer as a registry: HTTP 404"):
        client(lambda _: httpx.Response(404)).ping()
    client(lambda _: httpx.Response(401)).ping()


def test_a_proxy_that_takes_nothing_large_is_told_apart() -> None:
    there = client(lambda _: httpx.Response(413))
    with pytest.raises(ColdforgeError, match="takes no request so large"):
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
