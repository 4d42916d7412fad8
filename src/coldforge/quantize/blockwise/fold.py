"""Scales folded into what makes a stage's input, as they can be stored."""

from typing import Any

from coldforge.model.families.architecture import Stage
from coldforge.quantize.blockwise.block import Block
from coldforge.quantize.blockwise.unquantised import keep


def foldable(block: Block, stage: Stage) -> bool:
    """Tell whether something makes the stage's input element by element.

    With grouped queries the values are fewer than the inputs of the layer that reads them.
    """
    if stage.norm:
        return True
    return bool(stage.linear) and (
        block.weight(stage.linear).shape[0] == block.weight(stage.layers[0]).shape[1]
    )


def storable(block: Block, stage: Stage, scales: Any) -> Any:  # noqa: ANN401 - tensors
    """Return the scales near `scales` (in_features,) that a norm stored in sixteen bits divides by.

    An input whose weight in the norm cannot be stored keeps 1. A linear layer takes any scales.
    """
    import torch

    if not stage.norm:
        return scales
    before = block.skeleton.block.get_submodule(stage.norm).weight
    kind = keep(block.skeleton.checkpoint)
    after = (before.float() / scales).to(before.dtype).to(kind)
    sound = torch.isfinite(after) & (after.abs() >= torch.finfo(kind).smallest_normal)
    return torch.where(sound, before.float() / after.float(), torch.ones_like(scales))


def fold(block: Block, stage: Stage, scales: Any) -> None:  # noqa: ANN401 - a tensor
    """Divide a stage's input by storable `scales` (in_features,) and multiply its weights by them.

    A linear layer that makes the input must not be quantised yet.
    """
    block.scale_input(stage, scales)
    maker = block.skeleton.block.get_submodule(stage.norm or stage.linear)
    kind = keep(block.skeleton.checkpoint)
    for part in ("weight", "bias") if stage.norm else ("bias",):
        item = getattr(maker, part, None)
        if item is not None:
            # Let the block compute with the very numbers that will be stored.
            item.data = item.to(kind).to(item.dtype)
