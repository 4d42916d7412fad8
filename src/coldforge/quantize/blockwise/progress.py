"""The progress of a run: finished blocks and the hidden states between blocks, on disk."""

import json
import time
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

from coldforge.files.atomic import write_file
from coldforge.files.output import WORK
from coldforge.model.deterministic import Workers
from coldforge.progress import say
from coldforge.quantize.blockwise.activations import Activations, Feed
from coldforge.quantize.blockwise.block import Block
from coldforge.quantize.blockwise.request import LayerReport, Request
from coldforge.quantize.blockwise.skeleton import Skeleton


class Progress:
    """Opens and closes blocks one after the other; a killed run continues from it."""

    def __init__(self, request: Request, skeleton: Skeleton, pool: Workers) -> None:
        """Find where an earlier run stopped, else embed the calibration windows."""
        self.skeleton, self.pool, self.drawn = skeleton, pool, request.calibration
        self.state = request.out / WORK
        self.state.mkdir(parents=True, exist_ok=True)
        self.chosen = request.blocks or range(len(skeleton))
        self.reports: list[LayerReport] = []
        self.finished = 0
        while found := _noted(self._note(self.finished)):
            self.reports += found
            self.finished += 1
        self.inputs: Activations | None = None
        self.seconds: list[float] = []
        if self.finished:
            say(f"  {self.finished} of {len(skeleton)} blocks were finished before")
        elif self.drawn is not None:
            with closing(self._at(0)) as first:
                for index, hidden in enumerate(skeleton.embed(self.drawn.windows)):
                    first.write(index, hidden)

    def open(self, index: int) -> Feed | None:
        """Return the feed of block `index`; None if no block from here on is quantised."""
        self._started = time.monotonic()
        if self.drawn is None or index >= self.chosen.stop:
            return None
        self.inputs = self._at(index)
        return Feed(self.skeleton, self.inputs, self.pool)

    def close(self, block: Block, reports: list[LayerReport]) -> None:
        """Compute the inputs of the next block, then record this one as done."""
        index = block.index
        if self.inputs is not None and block.feed is not None:
            if index + 1 < self.chosen.stop:
                with closing(self._at(index + 1)) as following:
                    block.feed.run(following.write)
            self.inputs.close()
        text = json.dumps([astuple(item) for item in reports])
        write_file(self._note(index), text.encode())
        self._path(index).unlink(missing_ok=True)
        if index in self.chosen:
            self.seconds.append(time.monotonic() - self._started)

    @staticmethod
    def summary(reports: list[LayerReport]) -> str:
        """Summarise a finished block by its worst layer."""
        worst = max(reports, key=lambda item: item.error or 0.0)
        return f"{worst.layer} {worst.error:.2e}" if worst.error else reports[-1].layer

    @property
    def projected(self) -> str:
        """Project the time for all blocks, where only some were quantised."""
        if len(self.chosen) == len(self.skeleton) or not self.seconds:
            return ""
        each = sum(self.seconds) / len(self.seconds)
        return f"{each:.0f} s a block, about {each * len(self.skeleton) / 60:.0f} min for all"

    def _at(self, index: int) -> Activations:
        assert self.drawn is not None  # noqa: S101 - only methods with calibration ask
        windows = self.drawn.windows
        return Activations(self._path(index), len(windows), len(windows[0]), self.skeleton.width)

    def _path(self, index: int) -> Path:
        return self.state / f"hidden-{index:05}.f32"

    def _note(self, index: int) -> Path:
        return self.state / f"done-{index:05}.json"


def _noted(path: Path) -> list[LayerReport]:
    try:
        return [LayerReport(*item) for item in json.loads(path.read_text("utf-8"))]
    except FileNotFoundError:
        return []
