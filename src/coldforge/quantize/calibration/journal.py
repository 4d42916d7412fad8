"""A journal of answers, from which a killed run continues.

The first line identifies the run; each further line holds a batch.
"""

import threading
from pathlib import Path

from coldforge.files.jsonlines import appending, read_lines

Pairs = list[tuple[list[int], list[int]]]
"""Ids of questions and of their answers."""


class Journal:
    """The batches answered so far in one run, by number; writing is thread-safe."""

    def __init__(self, path: Path, purpose: str) -> None:
        """Read the batches of the run `purpose`; those of another run are dropped."""
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
        """Append a batch and sync it to disk."""
        with self._lock, appending(self.path) as lines:
            lines.add({"batch": number, "pairs": batch})
            self.batches[number] = batch

    def close(self) -> None:
        """Remove the file of a finished run."""
        self.path.unlink()
