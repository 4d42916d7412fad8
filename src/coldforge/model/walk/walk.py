"""Quantise a model block by block; killed at any point, the same call goes on where it was."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Protocol

from coldforge.durable import write_file
from coldforge.model.formats.format import Format
from coldforge.model.formats.rules import exactly
from coldforge.model.methods.method import LayerReport, Request, Result
from coldforge.model.walk.activations import Activations
from coldforge.model.walk.architecture import unknown_layers
from coldforge.model.walk.block import Block, Stored
from coldforge.model.walk.feed import Feed
from coldforge.model.walk.prune import pruned
from coldforge.model.walk.rest import cast, keep, write_rest
from coldforge.model.walk.shards import Shards
from coldforge.model.walk.spine import Spine
from coldforge.model.walk.workers import Workers, workers
from coldforge.progress import Step, say, step

STATE = "walk"
"""Folder of what a killed run needs to go on, gone at the end."""
WIDE, WHOLE = 16, -1
"""Bits of a layer that is left as it is; the group size that stands for whole rows."""


class Quantiser(Protocol):
    """What a method does with the block at hand."""

    def __call__(self, block: Block) -> Mapping[str, Stored]:
        """Quantise linear layers; leave the block computing with what was stored."""


def walk(request: Request, quantise: Quantiser, form: Format | None, dtype: str = "") -> Result:
    """Fill `request.out` with the model's tensors, blocks quantised and stored as `form`.

    What is not quantised is stored as `dtype`: float16 by default, bfloat16 if the model is.
    """
    import torch

    checkpoint = request.checkpoint
    kind = getattr(torch, dtype) if dtype else keep(checkpoint)
    spine = Spine(checkpoint, request.device, request.dtype)
    for name in unknown_layers(checkpoint):
        say(f"  {name} is a matrix of no known kind: left as it is")
    shards, state = Shards(request.out), request.out / STATE
    state.mkdir(exist_ok=True)
    total = len(spine) * len(spine.architecture.layers)
    with step("Quantising", total, "layers") as work, workers() as pool:
        feed = _Flow(request, spine, pool, state)
        reports = [item for index in range(len(spine)) for item in _done(state, index)]
        work.advance(len(reports))
        for index in range(feed.finished, len(spine)):
            block = Block(index, spine, pool, feed.open(index))
            reports += _one(block, request, quantise, _Writing(form, kind, shards))
            feed.close(block, reports[-len(spine.architecture.layers) :], work)
    write_rest(checkpoint, spine, shards, kind)
    shards.join()
    shutil.rmtree(state)
    dtype = str(kind).removeprefix("torch.")
    quantization = form.config(_described(request, reports)) if form else {}
    return Result(reports, dtype, quantization)


def _described(request: Request, reports: list[LayerReport]) -> dict[str, Any]:
    """Say how layers are stored: the commonest way, and each layer that differs from it."""
    ways = Counter((item.bits, item.group_size) for item in reports if item.bits != WIDE)
    usual = ways.most_common(1)[0][0] if ways else (4, WHOLE)
    dynamic = {
        exactly(item.layer): None
        if item.bits == WIDE
        else {"bits": item.bits, "group_size": item.group_size}
        for item in reports
        if (item.bits, item.group_size) != usual
    }
    settings = {"sym": True, "activations": None, **request.settings}
    return {**settings, "bits": usual[0], "group_size": usual[1], "dynamic": dynamic}


@dataclass(frozen=True)
class _Writing:
    """Where a block goes, and as what."""

    form: Format | None
    kind: Any
    shards: Shards


def _one(block: Block, request: Request, quantise: Quantiser, to: _Writing) -> list[LayerReport]:
    """Quantise one block and write it."""
    spine = block.spine
    module = spine.load(block.index)
    chosen = request.blocks is None or block.index in request.blocks
    if chosen and request.prune:
        _prune(block, request.prune)
    stored = dict(quantise(block)) if chosen else {}
    names = spine.tensors[block.index]
    plain = {names[key]: item for key, item in module.state_dict().items() if key in names}
    packed: dict[str, Any] = {}
    reports = []
    for layer in spine.architecture.layers:
        done, full = stored.get(layer) or Stored(None), block.full(layer)
        if done.item is None or to.form is None:
            reports.append(LayerReport(full, WIDE, WHOLE, done.error))
            continue
        del plain[f"{full}.weight"]
        packed |= {full + end: item for end, item in to.form.encode(full, done.item).items()}
        whole = request.settings.get("group_size", WHOLE) == WHOLE
        size = WHOLE if whole else done.item.group_size
        reports.append(LayerReport(full, done.item.bits, size, done.error))
    packed |= {name: cast(name, item, to.kind) for name, item in plain.items()}
    to.shards.write(f"{block.index:05}", packed)
    return reports


def _prune(block: Block, text: str) -> None:
    """Set the least weights of every linear layer to zero."""
    for stage in block.stages:
        norms = block.feed.norms(stage) if block.feed else None
        for layer in stage.layers:
            weight = block.weight(layer)
            block.masks[layer] = pruned(weight, text, norms)
            block.put(layer, weight.masked_fill(block.masks[layer], 0))


class _Flow:
    """The hidden states between blocks, and how far a run has come."""

    def __init__(self, request: Request, spine: Spine, pool: Workers, state: Path) -> None:
        """Find where an earlier run stopped, else embed the calibration windows."""
        self.spine, self.pool, self.state = spine, pool, state
        self.drawn = request.calibration
        self.finished = sum(1 for _ in state.glob("done-*.json"))
        self.inputs: Activations | None = None
        if self.drawn is not None and self.finished == 0:
            with closing(self._at(0)) as first:
                for index, hidden in enumerate(spine.embed(self.drawn.windows)):
                    first.write(index, hidden)
        if self.finished:
            say(f"  {self.finished} of {len(spine)} blocks were finished before")

    def open(self, index: int) -> Feed | None:
        """Return what feeds block `index`."""
        if self.drawn is None:
            return None
        self.inputs = self._at(index)
        return Feed(self.spine, self.inputs, self.pool)

    def close(self, block: Block, reports: list[LayerReport], work: Step) -> None:
        """Compute what enters the next block, then note this one as done."""
        index = block.index
        if self.inputs is not None and block.feed is not None:
            if index + 1 < len(self.spine):
                with closing(self._at(index + 1)) as following:
                    block.feed.run(following.write)
            self.inputs.close()
        text = json.dumps([astuple(item) for item in reports])
        write_file(self.state / f"done-{index:05}.json", text.encode())
        self._path(index).unlink(missing_ok=True)
        known = [item.error for item in reports if item.error is not None]
        work.note = f"block {index}" + (f", error {max(known):.2e}" if known else "")
        work.advance(len(reports))

    def _at(self, index: int) -> Activations:
        assert self.drawn is not None  # noqa: S101 - asked for by methods that calibrate alone
        windows = self.drawn.windows
        width = int(self.spine.width)
        return Activations(self._path(index), len(windows), len(windows[0]), width)

    def _path(self, index: int) -> Path:
        return self.state / f"hidden-{index:05}.f32"


def _done(state: Path, index: int) -> list[LayerReport]:
    try:
        found = json.loads((state / f"done-{index:05}.json").read_text("utf-8"))
    except FileNotFoundError:
        return []
    return [LayerReport(*item) for item in found]


def each_layer(work: Callable[[Block, str], Stored]) -> Quantiser:
    """Make a quantiser of a function of one layer that does not need the others."""

    def quantise(block: Block) -> dict[str, Stored]:
        def one(layer: str) -> Stored:
            done = work(block, layer)
            if done.item is not None:
                block.put(layer, done.item.weight())
            return done

        layers = block.spine.architecture.layers
        return dict(zip(layers, block.workers.map(one, layers), strict=True))

    return quantise
