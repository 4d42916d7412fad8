"""Files of one JSON object a line, that grow and survive being cut off at any byte."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from coldforge.errors import ColdforgeError


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read every whole line; [] if there is no file. A last line without its end is left out.

    Raise ColdforgeError where a whole line is no JSON object.
    """
    if not path.exists():
        return []
    found = []
    whole = path.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(whole, 1):
        try:
            item = json.loads(line)
        except ValueError:
            item = None
        if not isinstance(item, dict):
            raise ColdforgeError(
                f"{path}: line {number} is no JSON object",
                "remove the file; the rest is made again",
            )
        found.append(item)
    return found


@contextmanager
def appending(path: Path) -> Iterator["Lines"]:
    """Open a file for more lines; a torn last one is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as stream:
        stream.seek(0)
        stream.truncate(stream.read().rfind(b"\n") + 1)
        yield Lines(stream)


class Lines:
    """An open file that takes lines; what was added survives a power cut."""

    def __init__(self, stream: IO[bytes]) -> None:
        """Take a stream that appends."""
        self._stream = stream

    def add(self, item: Mapping[str, Any]) -> None:
        """Write one line, on disk when this returns."""
        self._stream.write(json.dumps(item, sort_keys=True).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
