"""Send one blob to a registry: in pieces, from where an earlier push of it stopped.

Notes on pushes say where each unfinished upload continues, and which repository has which blob.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from coldforge.deploy.target import PushTarget
from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.files.atomic import write_file
from coldforge.files.digest import sha256_file
from coldforge.files.lock import locked
from coldforge.mirror.http import registry_upload
from coldforge.mirror.http.registry import RegistryClient, error_text, refused
from coldforge.mirror.http.registry_upload import UploadState
from coldforge.mirror.http.retry import TransientError

PIECE = 8 << 20  # bytes of one request
LOSSES = 3  # times that a blob is begun again because the registry forgot what it had


class Sessions:
    """Notes on one repository; only the user may read them: an upload's URL may be signed."""

    def __init__(self, folder: Path, target: PushTarget) -> None:
        """Keep them under `folder`; it is made on the first write."""
        self._target = target
        self._host = folder / _short(target.host)
        self._folder = self._host / _short(target.name)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Lock the repository against other pushes; raise ColdforgeError if there is one."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        message = f"another push to {self._target.name} is under way"
        with locked(self._folder, busy=ColdforgeError(message, "wait for its end")):
            yield

    def location(self, digest: str) -> str:
        """Give the URL where a blob's upload continues; '' if none is under way."""
        found = str(_read(self._note(digest)).get("location", ""))
        return found if found.startswith(("http://", "https://")) else ""

    def keep(self, digest: str, location: str, offset: int) -> None:
        """Note where an upload continues; `offset` is only for people to read."""
        _write(self._note(digest), {"location": location, "offset": offset})

    def forget(self, digest: str) -> None:
        """Drop the note on an upload."""
        self._note(digest).unlink(missing_ok=True)

    def holder(self, digest: str) -> str:
        """Name another repository of this registry that a blob was pushed to; '' if none."""
        found = _read(self._host / "blobs.json").get(digest, "")
        return found if isinstance(found, str) and found != self._target.repository else ""

    def delivered(self, digests: list[str]) -> None:
        """Note that this repository has these blobs."""
        known = _read(self._host / "blobs.json") | dict.fromkeys(digests, self._target.repository)
        _write(self._host / "blobs.json", known)

    def _note(self, digest: str) -> Path:
        return self._folder / f"{digest.removeprefix('sha256:')}.json"


def _short(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _read(path: Path) -> dict[str, Any]:
    """Read a note; {} if it is absent or damaged."""
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _write(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_file(path, json.dumps(value).encode(), mode=0o600)


class Blob(NamedTuple):
    """A file and the digest of its bytes."""

    digest: str
    size: int
    path: Path


class Sent(NamedTuple):
    """How the registry got a blob."""

    how: Literal["sent", "mounted"]
    size: int = 0
    """Bytes this push sent, those sent again included."""


def upload(
    client: RegistryClient, blob: Blob, sessions: Sessions, advance: Callable[[int], None]
) -> Sent:
    """Make the registry have a blob that it lacks; raise ColdforgeError.

    `advance` gets the number of bytes that arrived, negative for bytes that were lost.
    """
    sending = _Sending(client, blob, sessions, advance)
    how = client.retry(sending.attempt, lambda: sending.offset)
    sessions.forget(blob.digest)
    advance(blob.size - sending.offset)
    return Sent(how, sending.sent)


class _Sending:
    """A blob under way: the registry's count of its bytes decides where to go on."""

    def __init__(
        self, client: RegistryClient, blob: Blob, sessions: Sessions, advance: Callable[[int], None]
    ) -> None:
        self.client, self.blob, self.sessions, self.advance = client, blob, sessions, advance
        self.location = sessions.location(blob.digest)
        self.offset = self.sent = self.misfits = self.losses = 0
        self.again = False

    def attempt(self) -> Literal["sent", "mounted"]:
        """Send what the registry lacks; raise TransientError to be called again."""
        # The blob may be there and only the answer have been lost.
        if self.again and self.client.has("blobs", self.blob.digest):
            return "sent"
        self.again = True
        if not self._resumed() and self._mounted():
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
        found = registry_upload.state(self.client, self.location)
        if found and found.offset <= self.blob.size:
            self._go_on(found)
            return True
        self.losses += self.offset > 0
        if self.losses > LOSSES:
            message = f"{self.client.host} forgot {self.losses} uploads of one blob midway"
            raise UnreachableError(message, "see its log and the line; the same command goes on")
        self._lost()
        return False

    def _mounted(self) -> bool:
        """Begin an upload; True if the registry took the blob from another repository instead."""
        holder = self.sessions.holder(self.blob.digest)
        begun = registry_upload.begin(self.client, self.blob.digest, holder)
        if begun:
            self._go_on(begun)
        return begun is None

    def _piece(self) -> None:
        data = self._read()
        self.sent += len(data)
        before = UploadState(self.location, self.offset)
        after = registry_upload.append(self.client, before, data)
        # The next attempt begins by asking how much it has.
        if not self.offset < after.offset <= self.blob.size:
            raise TransientError(f"it says that it has {after.offset} bytes after a piece")
        self._go_on(after)

    def _finish(self, rest: bytes) -> None:
        self.sent += len(rest)
        answer = registry_upload.finish(self.client, self.location, self.blob.digest, rest)
        if answer.status_code == 201:
            return
        self._lost()
        if f"sha256:{sha256_file(self.blob.path)}" != self.blob.digest:
            message = f"blob {self.blob.digest} holds other bytes here"
            raise ColdforgeError(message, "build the stack again, or receive its bundle again")
        self.misfits += 1
        if self.misfits > 1:
            raise refused(self.client.host, f"blob {self.blob.digest[:19]}…", answer)
        # The resumed part may be wrong: try once from zero.
        raise TransientError(error_text(answer))

    def _go_on(self, state: UploadState) -> None:
        self.advance(state.offset - self.offset)
        self.location, self.offset = state
        self.sessions.keep(self.blob.digest, *state)

    def _lost(self) -> None:
        """Begin at zero the next time."""
        self.advance(-self.offset)
        self.location, self.offset = "", 0
        self.sessions.forget(self.blob.digest)

    def _read(self) -> bytes:
        with self.blob.path.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read(PIECE)
