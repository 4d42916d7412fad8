"""Answers written down as they come, so that a killed run goes on where it was.

JSON lines: first what the answers are for, then a line a batch. A torn last line is dropped.
"""

import json
import os
from pathlib import Path

from coldforge.digest import canonical_json

Pairs = list[tuple[list[int], list[int]]]
"""Ids of questions and of their answers."""


class Notebook:
    """The batches answered so far for one purpose."""

    def __init__(self, path: Path, purpose: str) -> None:
        """Read what is there for `purpose`; what is there for another is dropped."""
        self.path, self.batches = path, list[Pairs]()
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        header = canonical_json({"for": purpose}) + b"\n"
        good = header
        if lines[:1] == [header]:
            for line in lines[1:]:
                if (batch := _parse(line)) is None:
                    break
                self.batches.append(batch)
                good += line
        if b"".join(lines) != good:
            path.write_bytes(good)

    def write(self, batch: Pairs) -> None:
        """Append a batch, on disk when this returns."""
        with self.path.open("ab") as stream:
            stream.write(canonical_json(batch) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.batches.append(batch)

    def close(self) -> None:
        """Remove the file; what it was for is done."""
        self.path.unlink()


def _parse(line: bytes) -> Pairs | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return [(list(question), list(answer)) for question, answer in json.loads(line)]
    except (TypeError, ValueError):
        return None
