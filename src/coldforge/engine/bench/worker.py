"""A bench's process for one engine: it loads the engine and answers requests.

A request names a method of `EngineWorker`. In a process of its own its memory is its own, and
engines can be driven in turn.
"""

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from coldforge.engine.backend import Runner
from coldforge.engine.bench import process_memory
from coldforge.engine.bench.process_memory import GpuMemory
from coldforge.engine.card import read_engine
from coldforge.engine.generate import load_libraries, open_runner, refuse_damaged
from coldforge.evaluate.workers.worker import serve_here


class EngineWorker:
    """An engine, and its runner once it is loaded."""

    def __init__(self, folder: str) -> None:
        """Check the directory and import the libraries; their memory is not the engine's."""
        self.engine = read_engine(Path(folder))
        refuse_damaged(self.engine)
        load_libraries(self.engine)
        self.card = GpuMemory()
        self.runner: Runner | None = None

    def load(self, threads: int) -> dict[str, Any]:
        """Load it; return the time, and the memory before and after."""
        before = process_memory.held()
        started = time.perf_counter()
        with self.card.watching():
            self.runner = open_runner(self.engine, threads)
        seconds = time.perf_counter() - started
        return {
            "seconds": seconds,
            "libraries": before,
            "loaded": process_memory.held(),
            "device_bytes": self.card.own,
            "card": self.card.facts(),
            "skipped": self.card.skipped,
        }

    def answer(self, prompts: list[list[int]], count: int) -> dict[str, Any]:
        """Answer equally long prompts with `count` tokens each; return when each token came.

        Peaks are those since the request began where the system resets its mark.
        """
        assert self.runner is not None  # noqa: S101 - loaded first
        reset = process_memory.reset_peak()
        with self.card.watching():
            started = time.perf_counter()
            at = [time.perf_counter() - started for _ in self.runner.follow(prompts, count)]
        return {
            "at": at,
            "host_peak_bytes": process_memory.peak(),
            "reset": reset,
            "device_bytes": self.card.most,
            "card": self.card.facts(),
        }


if __name__ == "__main__":
    serve_here(partial(EngineWorker, sys.argv[1]))
