"""Scales and zero points of groups of weights, by range or by least error, and rounding to them."""

from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.model.deterministic import Workers
from coldforge.quantize.solver.hessian import Hessian

SHRINKS = 40
"""Ranges tried by the search, down to a fifth of the full range."""

ROWS = 512
"""Rows whose ranges are searched together."""


@dataclass(frozen=True)
class WeightGrid:
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


def minmax(weight: Any, bits: int, sym: bool, share: Any = 1.0) -> WeightGrid:  # noqa: ANN401 - tensors
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
    return WeightGrid(bits, scale, zero)


def search(
    weight: Any,  # noqa: ANN401 - a tensor
    bits: int,
    sym: bool,
    importance: Any = None,  # noqa: ANN401 - a tensor
) -> WeightGrid:
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
        best = WeightGrid(
            bits,
            torch.where(better, trial.scale, best.scale),
            torch.where(better, trial.zero, best.zero),
        )
    return best


def _loss(weight: Any, grid: WeightGrid, importance: Any) -> Any:  # noqa: ANN401 - tensors
    error = grid.values(grid.codes(weight)) - weight
    if importance is None:
        return error.square().sum(1, keepdim=True)
    if importance.dim() == 1:
        return (error.square() * importance).sum(1, keepdim=True)
    return ((error @ importance) * error).sum(1, keepdim=True)


def quantise_clipped(
    weight: Any,  # noqa: ANN401 - a tensor
    hessian: Hessian,
    bits: int,
    group_size: int,
    pool: Workers,
) -> Quantized:
    """Quantise `weight` (out_features, in_features) float32, asymmetrically, group by group.

    The range of a group is the one of least squared error of the group's contribution to the
    output: the clipping of AWQ (Lin et al. 2023), exact by the Hessian's block of the group.
    """
    import torch

    width = weight.shape[1]
    size = width if group_size == -1 else group_size
    full = hessian.full().float()
    groups = [slice(at, at + size) for at in range(0, width, size)]
    rows = [slice(at, at + ROWS) for at in range(0, len(weight), ROWS)]

    def piece(place: tuple[slice, slice]) -> tuple[Any, Any, Any]:
        down, across = place
        part = weight[down, across].contiguous()
        grid = search(part, bits, False, full[across, across].contiguous())
        return grid.codes(part).T.to(torch.uint8), grid.scale.T, grid.zero.T.to(torch.int16)

    done = pool.map(piece, [(down, across) for across in groups for down in rows])
    lines = [done[at : at + len(rows)] for at in range(0, len(done), len(rows))]
    codes, scales, zeros = (
        torch.cat([torch.cat([item[part] for item in line], 1) for line in lines])
        for part in range(3)
    )
    return Quantized(bits, codes, scales, zeros)


def round_to_nearest(weight: Any, bits: int, group_size: int, sym: bool) -> Any:  # noqa: ANN401 - tensors
    """Round `weight` (out_features, in_features) to nearest, groups over their full range."""
    groups = weight.reshape(-1, weight.shape[1] if group_size == -1 else group_size)
    grid = minmax(groups, bits, sym)
    return grid.values(grid.codes(groups)).view_as(weight)
