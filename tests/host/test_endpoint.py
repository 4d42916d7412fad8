import json
import socketserver
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from coldforge.host.endpoint import inspect_local_image


class Engine(BaseHTTPRequestHandler):
    """Knows one image."""

    def do_GET(self) -> None:
        known = self.path == "/images/localhost/coldforge/cpu%3Alatest/json"
        body = json.dumps({"Id": "sha256:1"}).encode() if known else b"not JSON"
        self.send_response(200 if known or "odd" in self.path else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def engine_socket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        place = Path(folder) / "d.sock"
        with socketserver.UnixStreamServer(str(place), Engine) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
            yield place
            server.shutdown()
            thread.join()


def test_an_image_the_engine_has_is_shown(engine_socket: Path) -> None:
    assert inspect_local_image("localhost/coldforge/cpu:latest") == {"Id": "sha256:1"}


@pytest.mark.parametrize("name", ["absent:latest", "odd:latest"])
def test_what_cannot_be_told_is_nothing(engine_socket: Path, name: str) -> None:
    assert inspect_local_image(name) == {}


@pytest.mark.parametrize("host", ["unix:///nowhere/d.sock", "tcp://192.0.2.1:2375", "ssh://far"])
def test_engines_elsewhere_and_silent_ones_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert inspect_local_image("localhost/coldforge/cpu:latest") == {}


def test_the_sdk_is_not_imported_to_find_the_default_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from coldforge.host.endpoint import find_endpoint; "
        "print(find_endpoint().url, 'docker' in sys.modules)"
    )
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.split() == ["unix:///var/run/docker.sock", "False"]
