"""Append-only files of one JSON object per line that tolerate a truncated last line."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from coldforge.errors import ColdforgeError


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read every complete line, ignoring a truncated last one; [] if there is no file.

    Raise ColdforgeError if a complete line is not a JSON object.
    """
    if not path.exists():
        return []
    found = []
    complete = path.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(complete, 1):
        try:
            item = json.loads(line)
        except ValueError:
            item = None
        if not isinstance(item, dict):
            raise ColdforgeError(
                f"{path}: line {number} is not a JSON object",
                "remove the file; its contents are computed again",
            )
        found.append(item)
    return found


@contextmanager
def appending(path: Path) -> Iterator["Lines"]:
    """Open a file to append lines; a truncated last one is removed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as stream:
        stream.seek(0)
        stream.truncate(stream.read().rfind(b"\n") + 1)
        yield Lines(stream)


class Lines:
    """An open file to append to; added lines survive a power failure."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Use a stream opened for appending."""
        self._stream = stream

    def add(self, item: Mapping[str, Any]) -> None:
        """Append one line and sync it to disk."""
        self._stream.write(json.dumps(item, sort_keys=True).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
