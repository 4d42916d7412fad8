"""The bits of each layer: candidates, their bytes on disk, and the Pareto frontier over layers.

The frontier of bytes and divergence is a multiple-choice knapsack.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.formats.bit_packing import BLOCK, words_of
from coldforge.checkpoint.formats.format import Shape
from coldforge.model.families.blocks import block_tensors, linear_layers
from coldforge.model.families.registry import family_of
from coldforge.quantize.blockwise.run import PER_ROW, UNQUANTISED

LIMIT = 5000
"""Assignments kept from layer to layer; more are thinned out, which bounds the time."""

_State = tuple[int, float, Any]
"""Bytes, divergence, and the picks so far as nested pairs: (those before, last)."""
WIDTHS = (8, 4, 3)
"""Bits that a layer may get; or it stays as it is, with 16."""


@dataclass(frozen=True)
class LayerCandidate:
    """One way to store one layer."""

    bits: int
    """16 for a layer left as it is."""
    size: int
    """Bytes of all that is stored in place of the weight."""
    kl: float
    """Divergence from the original with this layer alone quantised; summed over layers."""


@dataclass(frozen=True)
class Assignment:
    """A candidate for every layer."""

    size: int
    kl: float
    picks: tuple[int, ...]
    """The index of the candidate, layer by layer."""


def pareto_frontier(
    layers: Sequence[Sequence[LayerCandidate]], limit: int = LIMIT
) -> list[Assignment]:
    """Return the assignments that no other dominates in bytes and divergence, smallest first.

    Exact while there are at most `limit` of them at each layer. Beyond, of assignments of about the
    same bytes the one of least divergence stays: sizes are exact, a better one may be missed.
    """
    states: list[_State] = [(0, 0.0, None)]
    for candidates in layers:
        extended = (
            (size + item.size, kl + item.kl, (picks, at))
            for size, kl, picks in states
            for at, item in enumerate(candidates)
        )
        best = list(_undominated(sorted(extended, key=lambda state: state[:2])))
        states = best if len(best) <= limit else _thinned(best, limit)
    return [Assignment(size, kl, tuple(_unwind(picks))) for size, kl, picks in states]


def best_within(assignments: Sequence[Assignment], size: int) -> Assignment | None:
    """Return the assignment of least divergence within `size` bytes; None if there is none."""
    return next((item for item in reversed(assignments) if item.size <= size), None)


def smallest_below(assignments: Sequence[Assignment], kl: float) -> Assignment | None:
    """Return the smallest assignment of at most `kl`; None if there is none."""
    return next((item for item in assignments if item.kl <= kl), None)


def _undominated(states: Sequence[_State]) -> Iterator[_State]:
    """Keep the states of less divergence than all smaller ones."""
    least = float("inf")
    for state in states:
        if state[1] < least:
            least = state[1]
            yield state


def _thinned(states: list[_State], limit: int) -> list[_State]:
    """Keep the smallest, and the state of least divergence in each range of sizes."""
    low, high = states[0][0], states[-1][0]
    width = (high - low) // limit + 1
    kept = {(state[0] - low) // width: state for state in states}
    kept.pop(0, None)
    return [states[0], *kept.values()]


def _unwind(picks: Any) -> list[int]:  # noqa: ANN401 - nested pairs
    found = []
    while picks is not None:
        picks, last = picks
        found.append(last)
    return found[::-1]


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
) -> list[LayerCandidate]:
    """List the candidates for a layer: each width that was measured, and 16 bits."""
    narrow = [
        LayerCandidate(bits, stored_bytes(shape, bits, group_size), kl)
        for bits, kl in sensitivity.items()
    ]
    return [LayerCandidate(UNQUANTISED, stored_bytes(shape, UNQUANTISED, group_size), 0.0), *narrow]
