"""Quantise a model block by block; killed at any point, the same call continues."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from coldforge.checkpoint.formats.format import Format
from coldforge.checkpoint.formats.rules import exactly
from coldforge.checkpoint.shards import Shards
from coldforge.model.deterministic import workers
from coldforge.model.families.blocks import unknown_layers
from coldforge.progress import say, step
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.outside_blocks import cast, keep, write_rest
from coldforge.quantize.blockwise.progress import Progress
from coldforge.quantize.blockwise.prune import pruned
from coldforge.quantize.blockwise.request import LayerReport, Request, Result
from coldforge.quantize.blockwise.skeleton import Skeleton

UNQUANTISED, PER_ROW = 16, -1
"""Bits of a layer that is left as it is; the group size of one scale per row."""


class Quantiser(Protocol):
    """What a method does with a block."""

    def __call__(self, block: Block) -> Mapping[str, Stored]:
        """Quantise linear layers, and set the stored weights in the block."""


def quantise_blocks(
    request: Request, quantise: Quantiser, form: Format | None, dtype: str = ""
) -> Result:
    """Fill `request.out` with the model's tensors, blocks quantised and stored as `form`.

    What is not quantised is stored as `dtype`: float16 by default, bfloat16 if the model is.
    """
    import torch

    checkpoint = request.checkpoint
    kind = getattr(torch, dtype) if dtype else keep(checkpoint)
    skeleton = Skeleton(checkpoint, request.device, request.dtype)
    for name in unknown_layers(checkpoint):
        say(f"  {name} is not a known kind of matrix: left as it is")
    shards = Shards(request.out)
    chosen, each = request.blocks or range(len(skeleton)), len(skeleton.family.layers)
    with step("Quantising", len(chosen) * each, "layers") as work, workers() as pool:
        progress = Progress(request, skeleton, pool)
        reports = list(progress.reports)
        work.advance(each * sum(index in chosen for index in range(progress.finished)))
        for index in range(progress.finished, len(skeleton)):
            block = Block(index, skeleton, pool, progress.open(index))
            found = _quantise_block(block, request, quantise, _Output(form, kind, shards))
            progress.close(block, found)
            work.note = progress.summary(found)
            work.advance(each * (index in chosen))
            reports += found
        work.result = progress.projected
    write_rest(checkpoint, skeleton, shards, kind)
    shards.join()
    quantization = form.config(_described(request, reports)) if form else {}
    return Result(reports, str(kind).removeprefix("torch."), quantization)


def _described(request: Request, reports: list[LayerReport]) -> dict[str, Any]:
    """Describe how layers are stored: the most common form, and each layer that differs."""
    layouts = Counter((item.bits, item.group_size) for item in reports if item.bits != UNQUANTISED)
    usual = layouts.most_common(1)[0][0] if layouts else (4, PER_ROW)
    dynamic = {
        exactly(item.layer): None
        if item.bits == UNQUANTISED
        else {"bits": item.bits, "group_size": item.group_size}
        for item in reports
        if (item.bits, item.group_size) != usual
    }
    settings = {"sym": True, "activations": None, **request.settings}
    return {**settings, "bits": usual[0], "group_size": usual[1], "dynamic": dynamic}


@dataclass(frozen=True)
class _Output:
    """Where and in which format blocks are written."""

    form: Format | None
    kind: Any
    shards: Shards


def _quantise_block(
    block: Block, request: Request, quantise: Quantiser, to: _Output
) -> list[LayerReport]:
    """Quantise one block and write it."""
    skeleton = block.skeleton
    module = skeleton.load(block.index)
    chosen = request.blocks is None or block.index in request.blocks
    if chosen and request.prune:
        _prune(block, request.prune)
    stored = dict(quantise(block)) if chosen else {}
    names = skeleton.tensors[block.index]
    plain = {names[key]: item for key, item in module.state_dict().items() if key in names}
    packed: dict[str, Any] = {}
    reports = []
    for layer in skeleton.family.layers:
        done, full = stored.get(layer) or Stored(None), block.full(layer)
        if done.item is None or to.form is None:
            reports.append(LayerReport(full, UNQUANTISED, PER_ROW, done.error))
            continue
        del plain[f"{full}.weight"]
        packed |= {full + end: item for end, item in to.form.encode(full, done.item).items()}
        per_row = request.settings.get("group_size", PER_ROW) == PER_ROW
        size = PER_ROW if per_row else done.item.group_size
        reports.append(LayerReport(full, done.item.bits, size, done.error))
    packed |= {name: cast(name, item, to.kind) for name, item in plain.items()}
    to.shards.write(f"{block.index:05}", packed)
    return reports


def _prune(block: Block, text: str) -> None:
    """Set the weights of lowest score of every linear layer to zero."""
    for stage in block.stages:
        norms = block.feed.norms(stage) if block.feed else None
        for layer in stage.layers:
            weight = block.weight(layer)
            block.masks[layer] = pruned(weight, text, norms)
            block.put(layer, weight.masked_fill(block.masks[layer], 0))


def each_layer(work: Callable[[Block, str], Stored]) -> Quantiser:
    """Make a quantiser from a function of one layer."""

    def quantise(block: Block) -> dict[str, Stored]:
        def one(layer: str) -> Stored:
            done = work(block, layer)
            if done.item is not None:
                block.put(layer, done.item.weight())
            return done

        layers = block.skeleton.family.layers
        return dict(zip(layers, block.workers.map(one, layers), strict=True))

    return quantise
