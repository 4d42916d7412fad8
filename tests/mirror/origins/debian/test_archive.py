import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from coldforge.mirror.http import retry
from coldforge.mirror.origins.debian.archive import FetchError, open_archive


class Handler(BaseHTTPRequestHandler):
    answers: list[tuple[int, bytes]]
    seen: list[str]

    def do_GET(self) -> None:
        type(self).seen.append(self.headers.get("Accept-Encoding", ""))
        status, body = self.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(retry, "BACKOFF", 0.0)
    Handler.seen = []
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://user:secret@127.0.0.1:{httpd.server_port}/x"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def fetch(url: str, limit: int = 100, proxies: dict[str, str] | None = None) -> bytes:
    counted: list[int] = []
    with open_archive(proxies or {}) as get:
        data = get(url, limit, counted.append)
    assert sum(counted) >= len(data)
    return data


def test_bytes_arrive_as_they_lie_there(server: str) -> None:
    Handler.answers = [(200, b"\x1f\x8b not unpacked")]
    assert fetch(server) == b"\x1f\x8b not unpacked"
    assert Handler.seen == ["identity"]


def test_a_busy_server_is_asked_again(server: str) -> None:
    Handler.answers = [(503, b""), (502, b""), (200, b"there")]
    assert fetch(server) == b"there"


def test_a_server_that_stays_busy_is_given_up(server: str) -> None:
    Handler.answers = [(503, b"")] * retry.ATTEMPTS
    with pytest.raises(FetchError, match="HTTP 503"):
        fetch(server)


def test_what_is_not_there_is_not_asked_for_again(server: str) -> None:
    Handler.answers = [(404, b"")]
    with pytest.raises(FetchError, match="HTTP 404") as caught:
        fetch(server)
    assert "secret" not in str(caught.value)


def test_more_bytes_than_announced_are_refused(server: str) -> None:
    Handler.answers = [(200, b"x" * 101)]
    with pytest.raises(FetchError, match="larger than 100"):
        fetch(server)


def test_a_proxy_that_is_not_there_is_one_line(server: str) -> None:
    with pytest.raises(FetchError) as caught:
        fetch(server, proxies={"http": "http://127.0.0.1:9"})
    assert "\n" not in caught.value.message
    assert "secret" not in caught.value.message


def test_an_archive_on_disk_is_read(tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"here")
    assert fetch(f"file://{tmp_path}/a%20b") == b"here"
    with pytest.raises(FetchError, match="No such file"):
        fetch(f"file://{tmp_path}/missing")
    with pytest.raises(FetchError, match="larger than 3"):
        fetch(f"file://{tmp_path}/a b", limit=3)


@pytest.mark.parametrize("url", ["http://[", "http://exa mple.org:x/"])
def test_what_is_no_url_is_one_line(url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url)
