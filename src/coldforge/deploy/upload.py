"""Send one blob to a registry: in pieces, from where an earlier push of it stopped.

Source: OCI distribution-spec v1.1, "Pushing a blob in chunks", "Mounting a blob".
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from coldforge.deploy.remote import Remote, refused, said
from coldforge.deploy.sessions import Sessions
from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.files.digest import sha256_file
from coldforge.mirror.http.download import BrokenError

if TYPE_CHECKING:
    import httpx

PIECE = 8 << 20  # bytes of one request
LOSSES = 3  # times that a blob is begun again because the registry forgot what it had
BYTES = "application/octet-stream"
RANGE = re.compile(r"(?:bytes=)?0-([0-9]{1,15})")


class Blob(NamedTuple):
    """A file and the digest of its bytes."""

    digest: str
    size: int
    path: Path


class Sent(NamedTuple):
    """What it took to make the registry have a blob."""

    how: Literal["sent", "mounted"]
    size: int = 0
    """Bytes this push sent, those sent again included."""


def upload(remote: Remote, blob: Blob, sessions: Sessions, advance: Callable[[int], None]) -> Sent:
    """Make the registry have a blob that it lacks; raise ColdforgeError.

    `advance` is told of bytes that it got, and of a negative number of bytes that it lost.
    """
    sending = _Sending(remote, blob, sessions, advance)
    how = remote.patiently(sending.attempt, lambda: sending.offset)
    sessions.forget(blob.digest)
    advance(blob.size - sending.offset)
    return Sent(how, sending.sent)


class _Sending:
    """A blob under way: the registry's count of its bytes decides where to go on."""

    def __init__(
        self, remote: Remote, blob: Blob, sessions: Sessions, advance: Callable[[int], None]
    ) -> None:
        self.remote, self.blob, self.sessions, self.advance = remote, blob, sessions, advance
        self.location = sessions.location(blob.digest)
        self.offset = self.sent = self.misfits = self.losses = 0
        self.again = False

    def attempt(self) -> Literal["sent", "mounted"]:
        """Send what the registry lacks; raise BrokenError to be called again."""
        # The last answer may be lost and the blob there all the same.
        if self.again and self.remote.has("blobs", self.blob.digest):
            return "sent"
        self.again = True
        if not self._resumed() and self._started():
            return "mounted"
        if not self.offset and self.blob.size <= PIECE:
            self._finish(self._read())
            return "sent"
        while self.offset < self.blob.size:
            self._piece()
        self._finish(b"")
        return "sent"

    def _resumed(self) -> bool:
        """Ask how much of an earlier upload is there; False if the registry forgot it."""
        if not self.location:
            return False
        answer = self.remote.send("GET", self.location)
        if answer.is_success and self._moved(answer):
            return True
        self.losses += self.offset > 0
        if self.losses > LOSSES:
            message = f"{self.remote.host} forgot {self.losses} uploads of one blob midway"
            raise UnreachableError(message, "see its log and the line; the same command goes on")
        self._lost()
        return False

    def _started(self) -> bool:
        """Begin an upload; True if the registry took the blob from another repository instead."""
        holder = self.sessions.holder(self.blob.digest)
        params = {"mount": self.blob.digest, "from": holder} if holder else {}
        answer = self.remote.send("POST", self.remote.url("blobs", "uploads/"), params=params)
        if answer.status_code == 201:
            return True
        if answer.status_code != 202 or "location" not in answer.headers:
            raise refused(self.remote.host, "to begin an upload", answer)
        self._go_on(self.remote.location(answer), 0)
        return False

    def _piece(self) -> None:
        data = self._read()
        span = f"{self.offset}-{self.offset + len(data) - 1}"
        headers = {"Content-Type": BYTES, "Content-Range": span}
        self.sent += len(data)
        answer = self.remote.send("PATCH", self.location, content=data, headers=headers)
        # What it has now, it says when it is asked: the next attempt begins with that.
        if answer.status_code not in (201, 202) or not self._moved(answer, len(data)):
            raise BrokenError(said(answer))

    def _finish(self, rest: bytes) -> None:
        mark = "&" if "?" in self.location else "?"
        where = f"{self.location}{mark}digest={self.blob.digest}"
        self.sent += len(rest)
        answer = self.remote.send("PUT", where, content=rest, headers={"Content-Type": BYTES})
        if answer.status_code == 201:
            return
        self._lost()
        if f"sha256:{sha256_file(self.blob.path)}" != self.blob.digest:
            message = f"blob {self.blob.digest} holds other bytes here"
            raise ColdforgeError(message, "build the stack again, or receive its bundle again")
        self.misfits += 1
        if self.misfits > 1:
            raise refused(self.remote.host, f"blob {self.blob.digest[:19]}…", answer)
        raise BrokenError(said(answer))  # What was resumed may be to blame: once from zero.

    def _moved(self, answer: "httpx.Response", length: int = 0) -> bool:
        """Take over place and count of an answer; False if the count makes no sense."""
        found = RANGE.fullmatch(answer.headers.get("range", ""))
        # Docker's registry says 0-0 for nothing at all; of one byte alone nobody asks.
        offset = int(found[1]) + 1 if found and int(found[1]) else 0
        if not found and length:
            offset = self.offset + length
        if not (found or length) or offset > self.blob.size or (length and offset <= self.offset):
            return False
        named = "location" in answer.headers
        self._go_on(self.remote.location(answer) if named else self.location, offset)
        return True

    def _go_on(self, location: str, offset: int) -> None:
        self.advance(offset - self.offset)
        self.location, self.offset = location, offset
        self.sessions.keep(self.blob.digest, location, offset)

    def _lost(self) -> None:
        """Begin at zero the next time."""
        self.advance(-self.offset)
        self.location, self.offset = "", 0
        self.sessions.forget(self.blob.digest)

    def _read(self) -> bytes:
        with self.blob.path.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read(PIECE)
