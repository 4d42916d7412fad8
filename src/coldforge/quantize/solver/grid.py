"""Scales and zero points of groups of weights, and rounding to them."""

from dataclasses import dataclass
from typing import Any

SHRINKS = 40
"""Ranges tried by the search, down to a fifth of the full range."""


@dataclass(frozen=True)
class Grid:
    """The values that a group's weights may take: (code - zero) * scale, code 0 … 2**bits - 1."""

    bits: int
    scale: Any
    """float16 tensor, broadcastable against the weights."""
    zero: Any
    """float32 tensor of whole numbers, likewise."""

    def codes(self, weight: Any) -> Any:  # noqa: ANN401 - tensors
        """Round to the nearest code, float32."""
        import torch

        return torch.clamp(torch.round(weight / self._step) + self.zero, 0, (1 << self.bits) - 1)

    def values(self, codes: Any) -> Any:  # noqa: ANN401 - tensors
        """Decode, float32."""
        return (codes - self.zero) * self._step

    @property
    def _step(self) -> Any:  # noqa: ANN401 - a tensor
        return self.scale.float()


def minmax(weight: Any, bits: int, sym: bool, share: Any = 1.0) -> Grid:  # noqa: ANN401 - tensors
    """Fit a grid to each row of `weight` (rows, group): its full range, or a `share` of it.

    Zero is always on the grid. Zero points start at 1: AutoGPTQ v1 files cannot store 0.
    """
    import torch

    top = (1 << bits) - 1
    low = weight.amin(1, keepdim=True).clamp(max=0) * share
    high = weight.amax(1, keepdim=True).clamp(min=0) * share
    if sym:
        high = torch.maximum(high, -low)
        low = -high
    scale = ((high - low) / top).clamp(min=2.0**-24)  # the smallest float16 above zero
    scale = scale.half()
    middle = torch.full_like(low, float(1 << (bits - 1)))
    zero = middle if sym else torch.clamp(torch.round(-low / scale.float()), 1, top)
    return Grid(bits, scale, zero)


def search(
    weight: Any,  # noqa: ANN401 - a tensor
    bits: int,
    sym: bool,
    importance: Any = None,  # noqa: ANN401 - a tensor
) -> Grid:
    """Fit a grid to each row with the least squared error over successively narrower ranges.

    `importance` weights the error: (group,) the Hessian's diagonal, or (group, group) its block of
    this group.
    """
    import torch

    best = minmax(weight, bits, sym)
    least = _loss(weight, best, importance)
    for shrink in range(1, SHRINKS):
        trial = minmax(weight, bits, sym, 1 - 0.8 * shrink / SHRINKS)
        loss = _loss(weight, trial, importance)
        better = loss < least
        least = torch.where(better, loss, least)
        best = Grid(
            bits,
            torch.where(better, trial.scale, best.scale),
            torch.where(better, trial.zero, best.zero),
        )
    return best


def _loss(weight: Any, grid: Grid, importance: Any) -> Any:  # noqa: ANN401 - tensors
    error = grid.values(grid.codes(weight)) - weight
    if importance is None:
        return error.square().sum(1, keepdim=True)
    if importance.dim() == 1:
        return (error.square() * importance).sum(1, keepdim=True)
    return ((error @ importance) * error).sum(1, keepdim=True)
