"""A checkpoint's tensors and linear layers, by what its family says of them."""

import re
from dataclasses import replace

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.linear import Linear
from coldforge.errors import ColdforgeError
from coldforge.model.families.registry import family_of, stores_transposed


def block_tensors(checkpoint: Checkpoint) -> list[dict[str, str]]:
    """Map, block by block, each tensor's name within the block to its name in the checkpoint.

    Some checkpoints leave the base model's prefix out. Raise ColdforgeError for a missing block.
    """
    outer = family_of(checkpoint.config).blocks
    pattern = re.compile(rf"^(?:{re.escape(outer)}|{outer.rpartition('.')[2]})\.(\d+)\.(.+)$")
    found: dict[int, dict[str, str]] = {}
    for name in checkpoint.tensors:
        if match := pattern.match(name):
            found.setdefault(int(match[1]), {})[match[2]] = name
    if sorted(found) != list(range(len(found))) or not found:
        raise ColdforgeError(
            f"{checkpoint.folder} lacks some of the blocks {outer}.0, {outer}.1, …",
            "copy the model again",
        )
    return [found[index] for index in range(len(found))]


def unknown_layers(checkpoint: Checkpoint) -> list[str]:
    """Name the matrices inside blocks that the family does not list; they stay as they are."""
    known = {f"{layer}.weight" for layer in family_of(checkpoint.config).layers}
    return sorted(
        full
        for block in block_tensors(checkpoint)
        for name, full in block.items()
        if len(checkpoint.tensors[full].shape) == 2 and name not in known
    )


def linear_layers(checkpoint: Checkpoint) -> dict[str, Linear]:
    """Map the linear layers to what they are, the sides of plain ones as the family stores them.

    Headers alone do not say which side of a plain weight is its inputs. Raise ColdforgeError
    naming a layer that does not fit its config.
    """
    layers = checkpoint.linears
    if not stores_transposed(checkpoint.config):
        return layers
    return {
        name: item if item.format else replace(item, shape=item.shape.transposed)
        for name, item in layers.items()
    }


def linear_inputs(checkpoint: Checkpoint) -> dict[str, int]:
    """Map each plain linear layer to its in_features."""
    layers = linear_layers(checkpoint)
    return {name: item.shape.inputs for name, item in layers.items() if item.format is None}
