import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import MissingInputError
from coldforge.mirror.fetch import fetch
from coldforge.mirror.origins.git.lfs import LfsLocator
from coldforge.mirror.store import Store
from coldforge.stack.lock import Entry
from tests.mirror.forge import Forge

DATA = b"!<arch>\n" + bytes(5000)
OID = hashlib.sha256(DATA).hexdigest()
HEX = "0123456789abcdef0123456789abcdef01234567"
ENTRY = Entry("wheel/x", "lfs", "lib/x.a", HEX, f"github:o/n@{HEX}/lib/x.a", len(DATA), OID)
BASIC = "Basic " + base64.b64encode(b"me:se/cret").decode()


class Handler(BaseHTTPRequestHandler):
    """A Git LFS batch endpoint, and the place it sends people to."""

    server: "Server"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, json.loads(body), self.headers["Accept"]))
        if self.server.login and self.headers["Authorization"] != self.server.login:
            self._answer(401, b"{}")
        else:
            self._answer(self.server.code, self.server.reply())

    def do_GET(self) -> None:
        wanted = self.server.header.get("Authorization")
        if wanted and self.headers["Authorization"] != wanted:
            self._answer(403, b"")
        else:
            self._answer(200, DATA)

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[tuple[str, Any, str]] = []
        self.code = 200
        self.login = ""
        self.header: dict[str, str] = {}
        self.body: bytes | None = None

    def reply(self) -> bytes:
        if self.body is not None:
            return self.body
        action = {"href": f"{self.base}/objects/{OID}?signed=1", "header": self.header}
        item = {"oid": OID, "size": len(DATA), "actions": {"download": action}}
        return json.dumps({"transfer": "basic", "objects": [item]}).encode()


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forge:
    monkeypatch.setenv("HOME", str(tmp_path))  # no netrc
    return Forge(tmp_path, monkeypatch)


@pytest.fixture
def server(forge: Forge) -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        forge.lead(f"{server.base}/")
        yield server
        server.shutdown()
        thread.join()


def fetched(tmp_path: Path) -> bytes:
    store = Store(tmp_path / "blobs")
    fetch(store, [ENTRY], {"lfs": LfsLocator})
    return store.path(OID).read_bytes()


def offered() -> list[str]:
    return list(LfsLocator().candidates(ENTRY))


def test_the_endpoint_beside_the_repository_is_asked(server: Server, tmp_path: Path) -> None:
    assert fetched(tmp_path) == DATA
    ((path, body, accept),) = server.asked
    assert path == "/o/n.git/info/lfs/objects/batch"
    assert accept == "application/vnd.git-lfs+json"
    assert body["operation"] == "download"
    assert body["transfers"] == ["basic"]
    assert body["objects"] == [{"oid": OID, "size": len(DATA)}]


def test_the_users_own_endpoint_is_asked_instead(
    server: Server, forge: Forge, tmp_path: Path
) -> None:
    forge.configure(f"[lfs]\n\turl = {server.base}/mine/\n")
    assert fetched(tmp_path) == DATA
    assert server.asked[0][0] == "/mine/objects/batch"


def test_a_name_and_password_for_the_download_are_sent(server: Server, tmp_path: Path) -> None:
    server.header = {"Authorization": BASIC}
    assert fetched(tmp_path) == DATA


def test_gits_credentials_are_used_where_the_endpoint_wants_some(
    server: Server, forge: Forge, tmp_path: Path
) -> None:
    server.login = BASIC
    helper = "!f() { echo username=me; echo password=se/cret; }; f"
    forge.configure(f'{forge.config.read_text("utf-8")}[credential]\n\thelper = "{helper}"\n')
    assert fetched(tmp_path) == DATA


def test_a_download_that_wants_a_token_is_left_out(server: Server) -> None:
    server.header = {"Authorization": "Bearer abc"}
    assert offered() == []
    server.header = {"Authorization": "Basic ?"}
    assert offered() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b"<html>",
        b'{"objects": 3}',
        b"{}",
        b'{"objects": [{"oid": "%s", "error": {"code": 404}}]}' % OID.encode(),
        b'{"objects": [{"oid": "other", "actions": {"download": {"href": "http://x/"}}}]}',
        b'{"objects": [{"oid": "%s", "actions": {"download": {"href": "/etc"}}}]}' % OID.encode(),
        b'{"objects": [{"oid": "%s", "actions": {"download": {"href": 3}}}]}' % OID.encode(),
        b'{"objects": [{"oid": "%s", "actions": {"download": {"href": "http://["}}}]}'
        % OID.encode(),
    ],
)
def test_an_answer_that_helps_nobody_offers_nothing(server: Server, body: bytes) -> None:
    server.body = body
    assert offered() == []
    assert server.asked


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500])
def test_an_endpoint_that_refuses_offers_nothing(server: Server, code: int) -> None:
    server.code = code
    assert offered() == []


def test_an_endpoint_that_is_down_offers_nothing_and_is_named_by_the_fetch(
    forge: Forge, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forge.lead("http://127.0.0.1:9/")
    with pytest.raises(MissingInputError):
        fetched(tmp_path)
    assert "lib/x.a" in capsys.readouterr().err


def test_a_server_of_another_protocol_offers_nothing(forge: Forge) -> None:
    for base in ("git@example.invalid:", "ssh://example.invalid/", "git://example.invalid/"):
        forge.lead(f"{base}")
        assert offered() == []


@pytest.mark.parametrize("place", ["o/n.git", "o/n", "o/n/.git"])
def test_a_repository_on_this_disk_has_its_objects_beside_it(
    forge: Forge, tmp_path: Path, place: str
) -> None:
    forge.lead(f"{forge.root}/o/n", "o/n.git")
    path = forge.root / place / "lfs" / "objects" / OID[:2] / OID[2:4] / OID
    assert offered() == []
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    assert fetched(tmp_path) == DATA
    forge.lead(f"{forge.root.as_uri()}/o/n", "o/n.git")
    assert offered() == [path.as_uri()]


def test_the_large_files_of_a_folder_are_nobodys_to_give(forge: Forge) -> None:
    path = "fixtures/release/lib/x.a"
    assert list(LfsLocator().candidates(Entry("w", "lfs", "lib/x.a", "1", path, 1, OID))) == []


def test_without_git_nothing_is_offered(
    forge: Forge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert offered() == []
