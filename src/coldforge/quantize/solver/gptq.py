"""GPTQ's solver: round one column, compensate its error in the columns that follow.

Frantar et al. 2022, algorithm 1, with the Cholesky factor of the inverse Hessian. Rows of the
weight are independent, so tiles of rows run in parallel with the same bits.
"""

from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.model.deterministic import Workers
from coldforge.quantize.solver.grid import WeightGrid, search
from coldforge.quantize.solver.hessian import Hessian

BLOCK = 128
"""Columns whose error is applied at once to all that follow."""
ROWS = 512
"""Rows solved together."""


@dataclass(frozen=True)
class GptqConfig:
    """How a layer's weights are stored."""

    bits: int
    group_size: int
    """-1 for whole rows."""
    sym: bool = True
    act_order: bool = False
    """Most important inputs first; groups stay where they are (static groups)."""


def solve(
    weight: Any,  # noqa: ANN401 - a tensor
    hessian: Hessian,
    how: GptqConfig,
    pool: Workers,
    mask: Any = None,  # noqa: ANN401 - a tensor
) -> Quantized:
    """Quantise `weight` (out_features, in_features) float32; where `mask` is true, to zero."""
    import torch

    importance = hessian.diagonal.float()
    order = torch.argsort(importance, descending=True, stable=True) if how.act_order else None
    factor = hessian.factor(order, pool)
    tiles = [slice(at, at + ROWS) for at in range(0, len(weight), ROWS)]

    def tile(rows: slice) -> tuple[Any, Any, Any]:
        gone = None if mask is None else mask[rows]
        return _Tile(weight[rows], gone, importance, how).solve(factor, order)

    done = pool.map(tile, tiles)
    codes, scales, zeros = (torch.cat([item[at] for item in done], 1) for at in range(3))
    return Quantized(how.bits, codes.to(torch.uint8), scales, zeros.to(torch.int16))


class _Tile:
    """Some rows of a layer, transposed: (in_features, rows)."""

    def __init__(self, weight: Any, mask: Any, importance: Any, how: GptqConfig) -> None:  # noqa: ANN401
        """Take rows of the weight, (rows, in_features)."""
        import torch

        self.how, self.importance = how, importance
        self.width = weight.shape[1]
        self.size = self.width if how.group_size == -1 else how.group_size
        self.weight = weight.T.contiguous().clone()
        self.keep = None if mask is None else (~mask).T.contiguous()
        self.grids: dict[int, WeightGrid] = {}
        if how.act_order:
            for group in range(self.width // self.size):
                self._fit(group)
        self.codes = torch.empty_like(self.weight)

    def solve(self, factor: Any, order: Any) -> tuple[Any, Any, Any]:  # noqa: ANN401 - tensors
        """Return codes (in_features, rows), scales and zeros (groups, rows)."""
        import torch

        at = torch.arange(self.width) if order is None else order
        weight = self.weight if order is None else self.weight[order]
        places = at.tolist()
        for start in range(0, self.width, BLOCK):
            stop = min(start + BLOCK, self.width)
            errors = self._block(weight, factor, places, slice(start, stop))
            weight[stop:] -= factor[start:stop, stop:].T @ errors
        groups = range(self.width // self.size)
        scales = torch.stack([self.grids[group].scale[:, 0] for group in groups])
        zeros = torch.stack([self.grids[group].zero[:, 0] for group in groups])
        return self.codes, scales, zeros

    def _block(self, weight: Any, factor: Any, places: list[int], span: slice) -> Any:  # noqa: ANN401
        """Round the inputs of a span one by one; return their errors, (span, rows)."""
        import torch

        errors = torch.zeros((span.stop - span.start, weight.shape[1]), device=weight.device)
        for at in range(span.start, span.stop):
            place = places[at]
            group = place // self.size
            if group not in self.grids:
                self._fit(group)
            grid = self.grids[group]
            column = weight[at][:, None]
            codes = grid.codes(column)
            if self.keep is not None:
                codes = torch.where(self.keep[place][:, None], codes, grid.zero)
            self.codes[place] = codes[:, 0]
            error = (column - grid.values(codes))[:, 0] / factor[at, at]
            weight[at + 1 : span.stop] -= factor[at, at + 1 : span.stop, None] * error
            errors[at - span.start] = error
        return errors

    def _fit(self, group: int) -> None:
        """Fit a group's grid to its current weights."""
        span = slice(group * self.size, (group + 1) * self.size)
        weight = self.weight[span].T
        how = self.how
        self.grids[group] = search(weight, how.bits, how.sym, self.importance[span])
