"""Notes on pushes: where each unfinished upload continues, and which repository has which blob."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coldforge.deploy.target import Target
from coldforge.errors import ColdforgeError
from coldforge.files.atomic import write_file
from coldforge.files.lock import locked


class Sessions:
    """Notes on one repository; only the user may read them: an upload's URL may be signed."""

    def __init__(self, folder: Path, target: Target) -> None:
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
