"""A registry on loopback that takes pushes, counts what it gets, and fails when it is told to."""

import hashlib
import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

INDEX = "application/vnd.oci.image.index.v1+json"
TOKEN = "the-token"
UPLOAD = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<id>[0-9]*)")
BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<id>sha256:[0-9a-f]{64})")
MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<id>[^/]+)")
REFERRERS = re.compile(r"/v2/(?P<name>.+)/referrers/(?P<id>[^/]+)")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Shelf"

    def answer(self) -> None:
        url = urlsplit(self.path)
        given = self.headers.get("Authorization", "")
        self.server.asked.append((self.command, self.path, given))
        if url.path == "/token":
            self._token(given, parse_qs(url.query))
        elif url.path == "/v2/":
            self._say(200)
        elif self.server.login and not self._may(given):
            self._body()
            realm = f'Bearer realm="{self.server.base}/token",service="here"'
            self._say(401, {"WWW-Authenticate": realm})
        elif self.server.fails and self.command != "HEAD":
            self._body()
            self._say(*self.server.fails.pop(0))
        else:
            self._route(url.path, parse_qs(url.query))

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        pass

    def _may(self, given: str) -> bool:
        needed = "pull" if self.command in ("GET", "HEAD") else "push"
        return needed in self.server.granted.get(given, "")

    def _token(self, given: str, fields: dict[str, list[str]]) -> None:
        if given != self.server.login:
            return self._say(401)
        scope = fields["scope"][0]
        token = f"{TOKEN}-{len(self.server.granted)}"
        self.server.granted[f"Bearer {token}"] = scope.rpartition(":")[2]
        return self._say(200, body=json.dumps({"token": token}).encode())

    def _route(self, path: str, query: dict[str, list[str]]) -> None:
        if found := UPLOAD.fullmatch(path):
            if self.command == "POST":
                self._begin(found["name"], query)
            else:
                self._go_on(found["name"], found["id"], query)
        elif found := BLOB.fullmatch(path):
            self._say(200 if found["id"] in self.server.blobs.get(found["name"], {}) else 404)
        elif found := MANIFEST.fullmatch(path):
            self._manifest(found["name"], found["id"])
        elif found := REFERRERS.fullmatch(path):
            self._referrers(found["name"], found["id"])
        else:
            self._body()
            self._say(404)

    def _begin(self, name: str, query: dict[str, list[str]]) -> None:
        self._body()
        source = self.server.blobs.get(query.get("from", [""])[0], {})
        if (digest := query.get("mount", [""])[0]) in source:
            self.server.blobs.setdefault(name, {})[digest] = source[digest]
            return self._say(201)
        self.server.uploads.append(bytearray())
        return self._say(202, self._place(name, len(self.server.uploads) - 1))

    def _go_on(self, name: str, number: str, query: dict[str, list[str]]) -> None:
        if int(number) in self.server.forgotten:
            self._body()
            return self._say(404)
        held = self.server.uploads[int(number)]
        if self.command == "GET":
            return self._say(204, self._place(name, int(number)))
        span = self.headers.get("Content-Range")
        if span and int(span.partition("-")[0]) != len(held):
            self._body()
            return self._say(416, self._place(name, int(number)))
        self._take(held)
        if self.command == "PATCH":
            return self._say(202, self._place(name, int(number)))
        data, digest = bytes(held), query["digest"][0]
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest or self.server.picky:
            errors = [{"code": "DIGEST_INVALID", "message": "provided digest did not match"}]
            return self._say(400, body=json.dumps({"errors": errors}).encode())
        self.server.forgotten.add(int(number))
        self.server.blobs.setdefault(name, {})[digest] = data
        return self._say(201)

    def _take(self, held: bytearray) -> None:
        """Read the body into an upload; hang up in its midst where the test says so."""
        left = int(self.headers.get("Content-Length", 0))
        while left:
            room = self.server.patience
            data = self.rfile.read(min(left, 500 if room is None else room) or 1)
            left -= len(data)
            if room is not None:
                self.server.patience = room - len(data)
            held += data
            self.server.received += len(data)
            if self.server.patience is not None and self.server.patience <= 0:
                self.server.patience = None
                self.close_connection = True
                raise ConnectionAbortedError

    def _manifest(self, name: str, reference: str) -> None:
        there = self.server.manifests.setdefault(name, {})
        if self.command != "PUT":
            return self._say(200, body=there[reference]) if reference in there else self._say(404)
        data = self._body()
        there[f"sha256:{hashlib.sha256(data).hexdigest()}"] = there[reference] = data
        self.server.put.append(reference)
        subject = json.loads(data).get("subject")
        kept = {"OCI-Subject": subject["digest"]} if subject and self.server.refers else {}
        return self._say(201, kept)

    def _referrers(self, name: str, subject: str) -> None:
        if not self.server.refers:
            return self._say(404)
        there = self.server.manifests.get(name, {}).items()
        listed = [
            {"digest": digest}
            for digest, data in there
            if (json.loads(data).get("subject") or {}).get("digest") == subject
        ]
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}
        return self._say(200, body=json.dumps(document).encode())

    def _place(self, name: str, number: int) -> dict[str, str]:
        end = max(len(self.server.uploads[number]) - 1, 0)
        where = f"/v2/{name}/blobs/uploads/{number}?state=s{len(self.server.uploads[number])}"
        return {"Location": where, "Range": f"0-{end}"}

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _say(self, code: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if code != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Shelf(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server_port}"
        self.base = f"http://{self.host}"
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, bytes]] = {}
        self.uploads: list[bytearray] = []
        self.asked: list[tuple[str, str, str]] = []
        self.put: list[str] = []
        """Names of manifests, in the order they came."""
        self.received = 0
        """Bytes of blobs."""
        self.granted: dict[str, str] = {}
        self.login = ""
        """The Authorization that the token's giver wants to see; '': nobody is asked."""
        self.refers = True
        """It has the referrers API."""
        self.patience: int | None = None
        """Bytes until it hangs up, once."""
        self.forgotten: set[int] = set()
        self.fails: list[tuple[Any, ...]] = []
        """Status, headers and body of the next answers."""
        self.picky = False
        """It finds no digest right."""

    def handle_error(self, *_: object) -> None:
        """Say nothing when a client tries TLS, or hangs up."""
