"""A real HTTP server on loopback that serves files, well or badly."""

import hashlib
import random
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from coldforge.mirror.origins.origin import Locator, Locators
from coldforge.mirror.store import Store
from coldforge.stack.lock import Entry

BIG = random.Random(1).randbytes(300_000)


class Handler(BaseHTTPRequestHandler):
    """/<manner>/<name>: a file, served well or badly."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_GET(self) -> None:
        _, manner, name = self.path.split("/")
        offset = self._range()
        self.server.asked.append((manner, name, offset))
        data = self.server.files.get(name)
        if data is None:
            self._answer(404, b"")
        else:
            getattr(self, f"_{manner}")(name, data, offset)

    def _plain(self, name: str, data: bytes, offset: int) -> None:
        self._part(data, offset, len(data))

    def _norange(self, name: str, data: bytes, offset: int) -> None:
        self._answer(200, data)

    def _drop(self, name: str, data: bytes, offset: int) -> None:
        """Close the connection after a third of the file."""
        self._part(data, offset, min(len(data), offset + len(data) // 3))

    def _dropnorange(self, name: str, data: bytes, offset: int) -> None:
        """Ignore ranges, and close the first two connections in the middle."""
        tries = sum(asked[:2] == ("dropnorange", name) for asked in self.server.asked)
        self._part(data, 0, len(data) // 2 if tries < 3 else len(data))

    def _wrong(self, name: str, data: bytes, offset: int) -> None:
        self._part(data[::-1], offset, len(data))

    def _longer(self, name: str, data: bytes, offset: int) -> None:
        self._answer(200, data + b"more")

    def _endless(self, name: str, data: bytes, offset: int) -> None:
        """Give no length, and bytes without end."""
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(data)

    def _stuck(self, name: str, data: bytes, offset: int) -> None:
        """Ignore ranges, and close every connection in the middle."""
        self._part(data, 0, len(data) // 2)

    def _shifted(self, name: str, data: bytes, offset: int) -> None:
        """Answer a range with another one."""
        if not offset:
            self._answer(200, data)
            return
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {offset + 1}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - offset))
        self.end_headers()
        self.wfile.write(data[offset + 1 :] + b"?")

    def _refuse(self, name: str, data: bytes, offset: int) -> None:
        self._answer(416 if offset else 200, b"" if offset else data)

    def _flaky(self, name: str, data: bytes, offset: int) -> None:
        tries = sum(asked[:2] == ("flaky", name) for asked in self.server.asked)
        self._answer(200, data) if tries > 2 else self._answer(503, b"")

    def _down(self, name: str, data: bytes, offset: int) -> None:
        self._answer(500, b"")

    def _slow(self, name: str, data: bytes, offset: int) -> None:
        self._part(data, offset, len(data), pause=0.02)

    def _part(self, data: bytes, start: int, stop: int, pause: float = 0.0) -> None:
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        for place in range(start, stop, 16_384):
            self.wfile.write(data[place : min(place + 16_384, stop)])
            time.sleep(pause)
        self.close_connection = stop < len(data)

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _range(self) -> int:
        given = self.headers.get("Range", "bytes=0-")
        return int(given.removeprefix("bytes=").removesuffix("-"))

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, int]] = []
        self.base = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: object) -> None:
        """Say nothing when a client that was killed hangs up."""

    def add(self, name: str, data: bytes) -> Entry:
        self.files[name] = data
        return entry_of(name, data)


class Fixed(Locator):
    """An origin that has every file at fixed places."""

    def __init__(self, *bases: str) -> None:
        self.bases = bases

    def candidates(self, entry: Entry) -> list[str]:
        return [f"{base}/{entry.path}" for base in self.bases]


def entry_of(name: str, data: bytes) -> Entry:
    sha256 = hashlib.sha256(data).hexdigest()
    return Entry("base", "python", name, "1", name, len(data), sha256)


def at(*bases: str) -> Locators:
    locator: Locator = Fixed(*bases)
    return {"python": lambda: locator}


def whole(store: Store, entry: Entry) -> bool:
    return hashlib.sha256(store.path(entry.sha256).read_bytes()).hexdigest() == entry.sha256


def leftovers(store: Store) -> list[Path]:
    return list((store.root / "partial").iterdir())
