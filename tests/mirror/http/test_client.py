from pathlib import Path

import httpx
import pytest

from coldforge.mirror.http.client import client
from coldforge.mirror.http.urls import redact
from coldforge.mirror.settings.pip import PipConfig


def sent(request: httpx.Request, http: httpx.Client) -> httpx.Request:
    """Run the request through the client's authentication without sending it."""
    assert http.auth is not None
    return next(http.auth.auth_flow(request))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pass@example.org/a", "https://***@example.org/a"),
        ("https://token@example.org/a and file:///b", "https://***@example.org/a and file:///b"),
        ("https://example.org/a?sig=x#y", "https://example.org/a?***#y"),
        ("mail a@example.org", "mail a@example.org"),
    ],
)
def test_credentials_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_credentials_of_the_url_are_sent() -> None:
    with client(PipConfig()) as http:
        request = sent(httpx.Request("GET", "https://user:pass@example.org/"), http)
    assert request.headers["Authorization"] == "Basic dXNlcjpwYXNz"


def test_credentials_of_netrc_are_sent_to_their_host_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine example.org login user password pass\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with client(PipConfig()) as http:
        known = sent(httpx.Request("GET", "https://example.org/"), http)
        other = sent(httpx.Request("GET", "https://example.invalid/"), http)
    assert known.headers["Authorization"] == "Basic dXNlcjpwYXNz"
    assert "Authorization" not in other.headers


def test_files_are_asked_for_as_they_are() -> None:
    with client(PipConfig()) as http:
        assert http.headers["Accept-Encoding"] == "identity"


def test_a_trusted_host_and_a_proxy_are_taken() -> None:
    config = PipConfig(trusted=["example.org"], proxy="http://127.0.0.1:1")
    with client(config) as http, pytest.raises(httpx.ConnectError):
        http.get("https://example.org/")
