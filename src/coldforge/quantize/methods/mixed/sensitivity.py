"""The sensitivity of each layer: the divergence of the model with that layer alone quantised.

A few calibration windows run through the original model. At each block, every layer is quantised
in every width in turn, the others left as they are, and the outputs run through the rest of the
model beside the original's. The divergence at the end is that layer's sensitivity at that width.
One block is in memory at a time; the hidden states are on disk.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coldforge.files.atomic import write_file
from coldforge.files.output import WORK
from coldforge.model.deterministic import Workers, workers
from coldforge.progress import step
from coldforge.quantize.blockwise.activations import Activations, Feed
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.progress import Progress
from coldforge.quantize.blockwise.request import LayerReport, Request
from coldforge.quantize.blockwise.run import PER_ROW, UNQUANTISED
from coldforge.quantize.blockwise.skeleton import Skeleton
from coldforge.quantize.solver.hessian import Hessian

PROBES = 4
"""Calibration windows on which the divergence is measured: the first ones."""
STATE = "sensitivity"

Sensitivities = dict[str, dict[int, float]]
"""Layer -> bits -> divergence from the original, nats a token, of that layer alone."""


@dataclass(frozen=True)
class ProbePlan:
    """Which widths to try for which layers, and how to store a layer in one."""

    widths: Mapping[str, tuple[int, ...]]
    """By the layer's full name; a layer without widths is left as it is."""
    store: Callable[[Block, str, Hessian, int], Stored]
    """Quantise a layer to so many bits and set the result in the block."""


def measure(request: Request, trial: ProbePlan) -> Sensitivities:
    """Measure every layer in every width; killed, the same call continues."""
    folder = state(request)
    path = folder / "damages.json"
    if path.is_file():
        found = json.loads(path.read_text("utf-8"))
        return {layer: {int(bits): kl for bits, kl in row.items()} for layer, row in found.items()}
    skeleton = Skeleton(request.checkpoint, request.device, request.dtype)
    streams = _Streams(request, skeleton, folder)
    with workers() as pool:
        tried = _run(request, trial, streams, pool)
        with step("Comparing with the original", None) as work:
            sensitivities = streams.compare(pool, len(tried))
            work.result = f"{len(tried)} layers and widths"
    named: Sensitivities = {}
    for item, kl in zip(tried, sensitivities, strict=True):
        named.setdefault(item.layer, {})[item.bits] = kl
    write_file(path, json.dumps(named).encode())
    return named


def _run(
    request: Request, trial: ProbePlan, streams: "_Streams", pool: Workers
) -> list[LayerReport]:
    """Run all streams through the model; return the layer and width of each."""
    skeleton, untried = streams.skeleton, ProbePlan({}, trial.store)
    layers = len(skeleton.family.layers)
    with step("Measuring sensitivity", len(skeleton) * layers, "layers") as work:
        progress = Progress(replace(request, out=streams.folder), skeleton, pool)
        tried = [item for item in progress.reports if item.error is not None]
        work.advance(progress.finished * layers)
        for index in range(progress.finished, len(skeleton)):
            block = Block(index, skeleton, pool, progress.open(index))
            skeleton.load(index)
            chosen = request.blocks is None or index in request.blocks
            reports = _probe(block, streams, trial if chosen else untried, len(tried))
            progress.close(block, reports)
            streams.drop(index)
            tried += [item for item in reports if item.error is not None]
            work.advance(layers)
    return tried


def state(request: Request) -> Path:
    """Return the folder of what a killed run needs to continue."""
    folder = request.out / WORK / STATE
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def final_kl(request: Request, block: Block) -> float:
    """Return the divergence of the model from the original after `block`, the last one."""
    assert block.feed is not None  # noqa: S101 - a calibrated method
    skeleton, pool = block.skeleton, block.workers
    streams = _Streams(request, skeleton, state(request))
    found = block.feed.outputs(range(streams.windows))
    with closing(streams.at(len(skeleton), 0)) as plain:
        return divergences(skeleton, pool, streams.windows, plain.read, [found.__getitem__])[0]


class _Streams:
    """Hidden states of the probe windows between blocks: the original's, then each trial's."""

    def __init__(self, request: Request, skeleton: Skeleton, folder: Path) -> None:
        assert request.calibration is not None  # noqa: S101 - a calibrated method
        drawn = request.calibration.windows
        self.windows, self.length = min(PROBES, len(drawn)), len(drawn[0])
        self.skeleton, self.folder = skeleton, folder

    def at(self, index: int, trials: int) -> Activations:
        """Open what enters block `index`: windows of the original and of `trials` others."""
        count = (1 + trials) * self.windows
        return Activations(self._path(index), count, self.length, self.skeleton.width)

    def enter(self, block: Block, trials: int) -> Activations:
        """Open what enters a block; at the first, take it from the calibration."""
        found = self.at(block.index, trials)
        if block.index == 0:
            assert block.feed is not None  # noqa: S101 - the first block is always fed
            for window in range(self.windows):
                found.write(window, block.feed.inputs.read(window))
        return found

    def drop(self, index: int) -> None:
        """Delete the inputs of a finished block."""
        self._path(index).unlink()

    def compare(self, pool: Workers, trials: int) -> list[float]:
        """Return the divergence of each trial from the original, after the last block."""
        with closing(self.at(len(self.skeleton), trials)) as last:

            def stream(at: int) -> Stream:
                return lambda window: last.read(at * self.windows + window)

            others = [stream(at) for at in range(1, trials + 1)]
            return divergences(self.skeleton, pool, self.windows, last.read, others)

    def _path(self, index: int) -> Path:
        return self.folder / f"streams-{index:05}.f32"


def _probe(block: Block, streams: _Streams, trial: ProbePlan, before: int) -> list[LayerReport]:
    """Run all streams through a block, and start one for each layer in each width."""
    layers = block.skeleton.family.layers
    reports = [LayerReport(block.full(layer), UNQUANTISED, PER_ROW, None) for layer in layers]
    with (
        closing(streams.enter(block, before)) as inputs,
        closing(streams.at(block.index + 1, before)) as outputs,
    ):
        feed = Feed(block.skeleton, inputs, block.workers)
        feed.run(outputs.write)
        at = 1 + before
        for layer, bits, error in _tried(block, trial):
            for window, hidden in enumerate(feed.outputs(range(streams.windows))):
                outputs.write(at * streams.windows + window, hidden)
            reports.append(LayerReport(layer, bits, PER_ROW, error))
            at += 1
    return reports


def _tried(block: Block, trial: ProbePlan) -> Iterator[tuple[str, int, float | None]]:
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


ROWS = 128
"""Positions computed at once; fixed, because it decides the order of summation."""


Stream = Callable[[int], Any]
"""Reads the hidden states of a window by its number, (1, tokens, width)."""


def divergences(
    skeleton: Skeleton, pool: Workers, windows: int, plain: Stream, others: Sequence[Stream]
) -> list[float]:
    """Return the mean Kullback-Leibler divergence from `plain` of each of `others`, nats a token.

    The last token of a window counts too: distributions are compared, not predictions of a text.
    """
    import torch

    norm, matrix = skeleton.head()

    def logs(hidden: Any) -> Any:  # noqa: ANN401 - tensors
        rows = norm(hidden.to(skeleton.device)) @ matrix.T
        return rows.double().log_softmax(-1)

    def window(at: int) -> tuple[int, list[float]]:
        hidden, sums = plain(at)[0], [0.0] * len(others)
        for start in range(0, len(hidden), ROWS):
            span = slice(start, start + ROWS)
            target = logs(hidden[span])
            shares = target.exp()
            for index, other in enumerate(others):
                found = target - logs(other(at)[0, span])
                sums[index] += float(found.mul_(shares).sum())
        return len(hidden), sums

    with torch.no_grad():
        found = pool.map(window, range(windows))
    tokens = sum(count for count, _ in found)
    each = zip(*(sums for _, sums in found), strict=True)
    return [max(0.0, sum(sums) / tokens) for sums in each]
