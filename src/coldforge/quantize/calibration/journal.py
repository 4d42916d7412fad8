"""Answers written down as they come, so that a killed run goes on where it was.

The first line says what the answers are for; then comes a batch a line, as they were done.
"""

import threading
from pathlib import Path

from coldforge.files.jsonlines import appending, read_lines

Pairs = list[tuple[list[int], list[int]]]
"""Ids of questions and of their answers."""


class Journal:
    """The batches answered so far for one purpose, by number; thread-safe to write."""

    def __init__(self, path: Path, purpose: str) -> None:
        """Read what is there for `purpose`; what is there for another is dropped."""
        self.path, self._lock = path, threading.Lock()
        header = {"for": purpose}
        lines = read_lines(path)
        if lines[:1] != [header]:
            path.unlink(missing_ok=True)
            with appending(path) as fresh:
                fresh.add(header)
        self.batches: dict[int, Pairs] = {
            item["batch"]: [(question, answer) for question, answer in item["pairs"]]
            for item in lines[1:]
            if lines[0] == header
        }

    def write(self, number: int, batch: Pairs) -> None:
        """Append a batch, on disk when this returns."""
        with self._lock, appending(self.path) as lines:
            lines.add({"batch": number, "pairs": batch})
            self.batches[number] = batch

    def close(self) -> None:
        """Remove the file; what it was for is done."""
        self.path.unlink()
