"""Candidates for each layer: widths, and the bytes they take on disk."""

from collections.abc import Mapping

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.formats.bit_packing import BLOCK, words_of
from coldforge.checkpoint.formats.format import Shape
from coldforge.model.families.blocks import block_tensors, linear_layers
from coldforge.model.families.registry import family_of
from coldforge.quantize.blockwise.run import PER_ROW, UNQUANTISED
from coldforge.quantize.methods.mixed.pareto import Candidate

WIDTHS = (8, 4, 3)
"""Bits that a layer may get; or it stays as it is, with 16."""


def layer_shapes(checkpoint: Checkpoint) -> dict[str, Shape]:
    """Map the linear layers that can be quantised to their shapes, block by block."""
    known = family_of(checkpoint.config).layers
    names = [block[f"{layer}.weight"] for block in block_tensors(checkpoint) for layer in known]
    layers = [name.removesuffix(".weight") for name in names]
    measured = linear_layers(checkpoint)
    return {layer: measured[layer].shape for layer in layers}


def storable_widths(shape: Shape) -> tuple[int, ...]:
    """List the widths in which GPTQ's files can store a layer: both sides fill 32-bit words."""
    sides = (shape.inputs, shape.outputs)
    return tuple(
        bits
        for bits in WIDTHS
        if all(side % (BLOCK if bits == 3 else 32 // bits) == 0 for side in sides)
    )


def stored_bytes(shape: Shape, bits: int, group_size: int) -> int:
    """Count the bytes of a layer in GPTQ's files: codes, zero points, scales, group indices."""
    if bits == UNQUANTISED:
        return 2 * shape.weights
    groups = 1 if group_size == PER_ROW else shape.inputs // group_size
    codes = 4 * words_of(shape.inputs, bits) * shape.outputs
    zeros = 4 * words_of(shape.outputs, bits) * groups
    return codes + zeros + 2 * groups * shape.outputs + 4 * shape.inputs


def candidates_of(
    shape: Shape, sensitivity: Mapping[int, float], group_size: int
) -> list[Candidate]:
    """List the candidates for a layer: each width that was measured, and 16 bits."""
    narrow = [
        Candidate(bits, stored_bytes(shape, bits, group_size), kl)
        for bits, kl in sensitivity.items()
    ]
    return [Candidate(UNQUANTISED, stored_bytes(shape, UNQUANTISED, group_size), 0.0), *narrow]
