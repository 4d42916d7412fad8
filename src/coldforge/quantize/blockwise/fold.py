"""Fold scales into the module that produces a stage's input."""

from typing import Any

from coldforge.model.families.family import Stage
from coldforge.quantize.blockwise.block import Block
from coldforge.quantize.blockwise.unquantised import keep


def foldable(block: Block, stage: Stage) -> bool:
    """Tell whether a norm or linear layer produces the stage's input element by element.

    With grouped-query attention, v_proj has fewer outputs than o_proj has inputs.
    """
    if stage.norm:
        return True
    return bool(stage.linear) and (
        block.weight(stage.linear).shape[0] == block.weight(stage.layers[0]).shape[1]
    )


def storable(block: Block, stage: Stage, scales: Any) -> Any:  # noqa: ANN401 - tensors
    """Return the scales nearest to `scales` (in_features,) that a norm in 16 bits can absorb.

    An input whose norm weight cannot be stored keeps 1. A linear layer absorbs any scales.
    """
    import torch

    if not stage.norm:
        return scales
    before = block.skeleton.block.get_submodule(stage.norm).weight
    kind = keep(block.skeleton.checkpoint)
    after = (before.float() / scales).to(before.dtype).to(kind)
    valid = torch.isfinite(after) & (after.abs() >= torch.finfo(kind).smallest_normal)
    return torch.where(valid, before.float() / after.float(), torch.ones_like(scales))


def fold(block: Block, stage: Stage, scales: Any) -> None:  # noqa: ANN401 - a tensor
    """Divide a stage's input by storable `scales` (in_features,) and multiply its weights by them.

    A linear layer that produces the input must not be quantised yet.
    """
    block.scale_input(stage, scales)
    producer = block.skeleton.block.get_submodule(stage.norm or stage.linear)
    kind = keep(block.skeleton.checkpoint)
    for part in ("weight", "bias") if stage.norm else ("bias",):
        item = getattr(producer, part, None)
        if item is not None:
            # Compute with exactly the numbers that are stored.
            item.data = item.to(kind).to(item.dtype)
