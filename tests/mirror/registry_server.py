"""A container registry on loopback: as much of the distribution API as pulling needs."""

import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from coldforge.mirror.origins.oci.reference import ImageReference
from coldforge.mirror.settings.registries import Containers

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
TOKEN = "the-token"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Registry"

    def do_GET(self) -> None:
        given = self.headers.get("Authorization", "")
        self.server.asked.append((self.path, given))
        url = urlsplit(self.path)
        if url.path == "/token":
            self._token(given, parse_qs(url.query))
        elif self.server.challenge and given not in self.server.accepted:
            self._answer(401, b"{}", {"WWW-Authenticate": self.server.challenge})
        elif self.server.moved:
            self._answer(307, b"", {"Location": self.server.moved + self.path})
        else:
            self._blob(url.path)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
        self.server.asked.append((self.path, body))
        self._token("", parse_qs(body))

    def _token(self, given: str, fields: dict[str, list[str]]) -> None:
        self.server.scopes += fields.get("scope", [])
        if self.server.login in (None, given, fields.get("refresh_token", [""])[0]):
            self._answer(200, json.dumps({"token": TOKEN}).encode(), {})
        else:
            self._answer(self.server.denial, b'{"details": "no"}', {})

    def _blob(self, path: str) -> None:
        data = self.server.blobs.get(path)
        if data is None:
            self._answer(404, b"{}", {})
        # As Docker's own registry does: a type that is not named is not given.
        elif "/manifests/" in path and INDEX not in self.headers.get("Accept", ""):
            self._answer(404, b'{"errors": [{"code": "MANIFEST_UNKNOWN"}]}', {})
        else:
            self._answer(200, data, {})

    def _answer(self, code: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Registry(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.scopes: list[str] = []
        self.challenge = ""
        self.accepted = {f"Bearer {TOKEN}"}
        self.login: str | None = None
        """What the token's giver wants to see; None if anybody gets one."""
        self.denial = 401
        self.moved = ""
        self.host = f"127.0.0.1:{self.server_port}"
        self.base = f"http://{self.host}"

    def handle_error(self, *_: object) -> None:
        """Say nothing when a client tries TLS, or hangs up."""

    @property
    def containers(self) -> Containers:
        return Containers(search=[self.host])

    def ask_for_tokens(self) -> None:
        self.challenge = (
            f'Bearer realm="{self.base}/token",service="here",scope="repository:a/b:pull"'
        )

    def put(self, repository: str, kind: str, data: bytes) -> dict[str, Any]:
        """Keep a blob or a manifest; return its descriptor."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        self.blobs[f"/v2/{repository}/{kind}/{digest}"] = data
        return {"digest": digest, "size": len(data)}

    def image(
        self, repository: str, layers: list[bytes], platform: str = "linux/amd64", diffs: int = -1
    ) -> dict[str, Any]:
        """Publish an image; return its manifest's descriptor."""
        system, architecture = platform.split("/")
        ids = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in layers]
        config = {
            "os": system,
            "architecture": architecture,
            "rootfs": {"type": "layers", "diff_ids": ids[: diffs if diffs >= 0 else None]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.put(repository, "blobs", json.dumps(config).encode()),
            "layers": [
                self.put(repository, "blobs", data) | {"mediaType": LAYER} for data in layers
            ],
        }
        made = self.put(repository, "manifests", json.dumps(manifest).encode())
        return made | {"platform": {"os": system, "architecture": architecture}}

    def index(self, repository: str, images: list[dict[str, Any]]) -> dict[str, Any]:
        """Publish an index; return its descriptor."""
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": images}
        return self.put(repository, "manifests", json.dumps(document).encode())


def named(repository: str, descriptor: dict[str, Any]) -> str:
    """Name an image as a recipe does."""
    return str(ImageReference(repository, descriptor["digest"].removeprefix("sha256:")))
