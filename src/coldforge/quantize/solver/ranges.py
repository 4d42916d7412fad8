"""Rounding to nearest within ranges searched for the least error of the output."""

from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.quantize.solver.grid import minmax, search
from coldforge.quantize.solver.hessian import Hessian
from coldforge.quantize.solver.pool import Pool

ROWS = 512
"""Rows whose ranges are searched together."""


def quantise_clipped(
    weight: Any,  # noqa: ANN401 - a tensor
    hessian: Hessian,
    bits: int,
    group_size: int,
    pool: Pool,
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
