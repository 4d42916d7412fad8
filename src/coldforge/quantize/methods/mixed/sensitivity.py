"""What quantising one layer alone does to the model's next-token distributions, for each layer.

A few calibration windows run through the original model. At each block, every layer is stored in
every width in turn, the others left alone, and what comes out runs on through the rest of the
model beside the original. At the end, the divergence of each from the original is that layer's
damage at that width. One block is in memory at a time; the streams lie on disk.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from coldforge.files.atomic import write_file
from coldforge.files.output import WORK
from coldforge.model.deterministic import Workers, workers
from coldforge.progress import step
from coldforge.quantize.blockwise.activation_file import Activations
from coldforge.quantize.blockwise.activations_feed import Feed
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.progress import Progress
from coldforge.quantize.blockwise.request import LayerReport, Request
from coldforge.quantize.blockwise.run import WHOLE, WIDE
from coldforge.quantize.blockwise.skeleton import Spine
from coldforge.quantize.methods.mixed.kl import Stream, divergences
from coldforge.quantize.solver.hessian import Hessian

PROBES = 4
"""Calibration windows that the damage is measured on: the first ones."""
STATE = "sensitivity"

Damages = dict[str, dict[int, float]]
"""Layer -> bits -> divergence from the original, nats a token, of that layer alone."""


@dataclass(frozen=True)
class Trial:
    """Which widths to try for which layers, and how to store a layer in one."""

    widths: Mapping[str, tuple[int, ...]]
    """By the layer's full name; a layer without any is left as it is."""
    store: Callable[[Block, str, Hessian, int], Stored]
    """Store a layer in so many bits and let the block compute with that."""


def measure(request: Request, trial: Trial) -> Damages:
    """Measure every layer in every width; killed, the same call goes on after the last block."""
    folder = state(request)
    path = folder / "damages.json"
    if path.is_file():
        found = json.loads(path.read_text("utf-8"))
        return {layer: {int(bits): kl for bits, kl in row.items()} for layer, row in found.items()}
    spine = Spine(request.checkpoint, request.device, request.dtype)
    streams = _Streams(request, spine, folder)
    with workers() as pool:
        tried = _run(request, trial, streams, pool)
        with step("Comparing with the original", None) as work:
            damages = streams.compare(pool, len(tried))
            work.result = f"{len(tried)} ways to store one layer"
    named: Damages = {}
    for item, damage in zip(tried, damages, strict=True):
        named.setdefault(item.layer, {})[item.bits] = damage
    write_file(path, json.dumps(named).encode())
    return named


def _run(request: Request, trial: Trial, streams: "_Streams", pool: Workers) -> list[LayerReport]:
    """Send all streams through the model; return which layer in which width each is of."""
    spine, untried = streams.spine, Trial({}, trial.store)
    layers = len(spine.architecture.layers)
    with step("Measuring sensitivity", len(spine) * layers, "layers") as work:
        flow = Progress(replace(request, out=streams.folder), spine, pool)
        tried = [item for item in flow.reports if item.error is not None]
        work.advance(flow.finished * layers)
        for index in range(flow.finished, len(spine)):
            block = Block(index, spine, pool, flow.open(index))
            spine.load(index)
            chosen = request.blocks is None or index in request.blocks
            reports = _probe(block, streams, trial if chosen else untried, len(tried))
            flow.close(block, reports)
            streams.drop(index)
            tried += [item for item in reports if item.error is not None]
            work.advance(layers)
    return tried


def state(request: Request) -> Path:
    """Return the folder of what a killed run needs to go on."""
    folder = request.out / WORK / STATE
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def drift(request: Request, block: Block) -> float:
    """Return how far the model strays from the original, of which `block` is the last block."""
    assert block.feed is not None  # noqa: S101 - a calibrated method
    spine, pool = block.spine, block.workers
    streams = _Streams(request, spine, state(request))
    found = block.feed.outputs(range(streams.windows))
    with closing(streams.at(len(spine), 0)) as plain:
        return divergences(spine, pool, streams.windows, plain.read, [found.__getitem__])[0]


class _Streams:
    """Hidden states of the probe windows between blocks: the original's, then each trial's."""

    def __init__(self, request: Request, spine: Spine, folder: Path) -> None:
        assert request.calibration is not None  # noqa: S101 - a calibrated method
        drawn = request.calibration.windows
        self.windows, self.length = min(PROBES, len(drawn)), len(drawn[0])
        self.spine, self.folder = spine, folder

    def at(self, index: int, trials: int) -> Activations:
        """Open what enters block `index`: windows of the original and of `trials` others."""
        count = (1 + trials) * self.windows
        return Activations(self._path(index), count, self.length, self.spine.width)

    def enter(self, block: Block, trials: int) -> Activations:
        """Open what enters a block; at the first, take it from the calibration."""
        found = self.at(block.index, trials)
        if block.index == 0:
            assert block.feed is not None  # noqa: S101 - the first block is always fed
            for window in range(self.windows):
                found.write(window, block.feed.inputs.read(window))
        return found

    def drop(self, index: int) -> None:
        """Forget what entered a block that is done."""
        self._path(index).unlink()

    def compare(self, pool: Workers, trials: int) -> list[float]:
        """Return the divergence of each trial from the original, after the last block."""
        with closing(self.at(len(self.spine), trials)) as last:

            def stream(at: int) -> Stream:
                return lambda window: last.read(at * self.windows + window)

            others = [stream(at) for at in range(1, trials + 1)]
            return divergences(self.spine, pool, self.windows, last.read, others)

    def _path(self, index: int) -> Path:
        return self.folder / f"streams-{index:05}.f32"


def _probe(block: Block, streams: _Streams, trial: Trial, before: int) -> list[LayerReport]:
    """Run all streams through a block, and start one for each of its layers in each width."""
    layers = block.spine.architecture.layers
    reports = [LayerReport(block.full(layer), WIDE, WHOLE, None) for layer in layers]
    with (
        closing(streams.enter(block, before)) as inputs,
        closing(streams.at(block.index + 1, before)) as outputs,
    ):
        feed = Feed(block.spine, inputs, block.workers)
        feed.run(outputs.write)
        at = 1 + before
        for layer, bits, error in _tried(block, trial):
            for window, hidden in enumerate(feed.outputs(range(streams.windows))):
                outputs.write(at * streams.windows + window, hidden)
            reports.append(LayerReport(layer, bits, WHOLE, error))
            at += 1
    return reports


def _tried(block: Block, trial: Trial) -> Iterator[tuple[str, int, float | None]]:
    """Let the block compute with one layer in one width after the other; yield which, and error."""
    for stage in block.stages:
        wanted = {layer: trial.widths.get(block.full(layer), ()) for layer in stage.layers}
        if block.feed is None or not any(wanted.values()):
            continue
        hessian = block.feed.hessian(stage)
        for layer, widths in wanted.items():
            weight = block.weight(layer)
            for bits in widths:
                yield block.full(layer), bits, trial.store(block, layer, hessian, bits).error
                block.put(layer, weight)
