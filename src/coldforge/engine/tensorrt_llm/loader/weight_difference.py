"""The weights of an engine compared with the checkpoint's, one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.engine.tensorrt_llm.loader.loaded_weights import LoadedWeights
from coldforge.engine.tensorrt_llm.loader.weight_layout import Slot

ROWS = 1024
"""Inputs compared at a time; bounds the memory."""
STEP = 0.1
"""Tolerance, in steps, for a difference to count as a whole number of steps."""


@dataclass(frozen=True)
class MatrixPiece:
    """A rectangle of a layer on one card."""

    row: int
    column: int
    loaded: LoadedWeights
    """Its rows are the first rows of the card's share: groups count from here."""


@dataclass
class WeightDifference:
    """Counts of weights, and the largest distance."""

    weights: int = 0
    same: int = 0
    rounded: int = 0
    """Off by no more than the rounding of scales and scaled zeros."""
    below: int = 0
    """One whole step too low."""
    above: int = 0
    whole: int = 0
    """Any other whole number of steps."""
    unread: int = 0
    """Beyond the last group that the card holds: undefined."""
    largest: float = 0.0

    @property
    def wrong(self) -> int:
        """Count the weights that rounding does not explain."""
        return self.weights - self.same - self.rounded


def pieces(slot: Slot, loaded: list[LoadedWeights], share: int) -> list[list[MatrixPiece]]:
    """Find each part's rectangles among the shares of the cards."""
    found: list[list[MatrixPiece]] = [[] for _ in slot.parts]
    for rank, item in enumerate(loaded):
        if slot.by_rows:
            rows = slice(0, max(0, min(share, slot.inputs - rank * share)))
            found[0].append(MatrixPiece(rank * share, 0, item.cut(rows, slice(0, slot.outputs[0]))))
            continue
        at = 0
        for part, full in enumerate(slot.outputs):
            width = slot.local[part] if len(slot.parts) > 1 else share
            columns = slice(at, at + max(0, min(width, full - rank * width)))
            found[part].append(
                MatrixPiece(0, rank * width, item.cut(slice(0, slot.inputs), columns))
            )
            at += width
    return found


def compare(truth: Quantized, found: list[MatrixPiece], group: int) -> WeightDifference:
    """Count where the pieces differ from the truth; weights that no piece covers are wrong."""
    total = WeightDifference(weights=truth.codes.numel())
    for piece in found:
        for engine, expected, step, slack in _blocks(truth, piece, group):
            _count(total, engine, expected, step, slack)
    covered = sum(piece.loaded.codes.numel() for piece in found)
    total.unread += max(0, total.weights - covered)
    return total


def _blocks(truth: Quantized, piece: MatrixPiece, group: int) -> Iterator[tuple[Any, ...]]:
    """Yield float32 (rows, columns): the engine's weights, the true ones, the step, the slack."""
    import torch

    loaded, order = piece.loaded, truth.order
    rows, width = loaded.codes.shape
    columns = slice(piece.column, piece.column + width)
    kind = torch.finfo(loaded.scales.dtype)
    for start in range(0, rows, ROWS):
        local = torch.arange(start, min(start + ROWS, rows))
        inputs = local + piece.row
        groups = order[inputs].long() if order is not None else inputs // truth.group_size
        step = truth.scales[groups, columns].float()
        expected = (
            truth.codes[inputs, columns].float() - truth.zeros[groups, columns].float()
        ) * step
        loaded_groups = local // group
        known = loaded_groups < len(loaded.scales)
        loaded_groups = loaded_groups.clamp(max=len(loaded.scales) - 1)
        engine = loaded.codes[local].float() * loaded.scales[loaded_groups].float()
        slack = engine.abs()
        if loaded.scaled_zeros is not None:
            zeros = loaded.scaled_zeros[loaded_groups].float()
            engine, slack = engine + zeros, slack + zeros.abs()
        engine[~known] = torch.nan
        yield engine, expected, step, (slack + kind.smallest_normal) * kind.eps


def _count(total: WeightDifference, engine: Any, expected: Any, step: Any, slack: Any) -> None:  # noqa: ANN401
    import torch

    if torch.equal(engine, expected):
        total.same += engine.numel()
        return
    far = engine - expected
    unread = far.isnan()
    near = ~(far.abs() > slack) & ~unread
    same = (far == 0) & ~unread
    wrong = ~near & ~unread
    steps = far[wrong] / step[wrong]
    whole = ((steps - steps.round()).abs() < STEP) & steps.isfinite()
    total.same += int(same.sum())
    total.rounded += int((near & ~same).sum())
    total.unread += int(unread.sum())
    total.below += int((whole & (steps.round() == -1)).sum())
    total.above += int((whole & (steps.round() == 1)).sum())
    total.whole += int((whole & (steps.round().abs() > 1)).sum())
    known = far[~unread]
    if known.numel():
        total.largest = max(total.largest, float(known.abs().max()))
