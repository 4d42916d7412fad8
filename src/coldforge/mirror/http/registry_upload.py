"""Requests of a blob's upload: begin or mount, ask how far it is, send a piece, finish.

Source: OCI distribution-spec v1.1, "Pushing a blob in chunks", "Mounting a blob".
"""

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin, urlsplit

from coldforge.mirror.http.registry import RegistryClient, error_text, refused
from coldforge.mirror.http.retry import TransientError

if TYPE_CHECKING:
    import httpx

BYTES = "application/octet-stream"
RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,15})")


class UploadState(NamedTuple):
    """An upload under way."""

    location: str
    """Where the next request goes; it may be signed."""
    offset: int
    """Bytes that the registry has."""


def begin(client: RegistryClient, digest: str, source: str = "") -> UploadState | None:
    """Begin an upload; None if the registry mounted the blob from repository `source` instead."""
    params = {"mount": digest, "from": source} if source else {}
    answer = client.send("POST", client.url("blobs", "uploads/"), params=params)
    if answer.status_code == 201:
        return None
    if answer.status_code != 202 or "location" not in answer.headers:
        raise refused(client.host, "to begin an upload", answer)
    return UploadState(_location(answer), 0)


def state(client: RegistryClient, location: str) -> UploadState | None:
    """Ask how far an upload is; None if the registry does not know it."""
    answer = client.send("GET", location)
    received = _received(answer)
    if not answer.is_success or received is None:
        return None
    return UploadState(_location(answer, location), received)


def append(client: RegistryClient, upload: UploadState, data: bytes) -> UploadState:
    """Send a piece; raise TransientError if the registry did not take it."""
    span = f"{upload.offset}-{upload.offset + len(data) - 1}"
    headers = {"Content-Type": BYTES, "Content-Range": span}
    answer = client.send("PATCH", upload.location, content=data, headers=headers)
    if answer.status_code not in (201, 202):
        raise TransientError(error_text(answer))
    received = _received(answer)
    offset = upload.offset + len(data) if received is None else received
    return UploadState(_location(answer, upload.location), offset)


def finish(client: RegistryClient, location: str, digest: str, rest: bytes) -> "httpx.Response":
    """Send the last piece and the digest; the status is 201 if the registry found it right."""
    mark = "&" if "?" in location else "?"
    url = f"{location}{mark}digest={digest}"
    return client.send("PUT", url, content=rest, headers={"Content-Type": BYTES})


def _received(answer: "httpx.Response") -> int | None:
    """Read how many bytes the registry has; None if the answer does not say."""
    found = RANGE.fullmatch(answer.headers.get("range", ""))
    # Docker's registry says 0-0 for nothing at all; uploads of one byte are not resumed.
    return (int(found[1]) + 1 if int(found[1]) else 0) if found else None


def _location(answer: "httpx.Response", otherwise: str = "") -> str:
    """Read where an upload goes on; https stays https, whatever a proxy made of the address."""
    if "location" not in answer.headers:
        return otherwise
    where: str = urljoin(str(answer.url), answer.headers["location"])
    asked, named = urlsplit(str(answer.url)), urlsplit(where)
    if (asked.scheme, named.scheme) == ("https", "http") and asked.hostname == named.hostname:
        where = named._replace(scheme="https", netloc=asked.netloc).geturl()
    return where
