"""A layer's weight under training: full precision beneath, rounded wherever it is used.

The straight-through estimator (Bengio et al. 2013): the gradient of the rounded weight is taken as
the gradient of the one beneath. Scales and zero points stay as they were found.
"""

from dataclasses import replace
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.quantize.solver.grid import Grid

EDGE = 0.45
"""How far from a code's value, in steps, a weight may start; beyond a half it has another code."""
DECAYS, TINY = (0.9, 0.95), 1e-12
"""Of Adam's means of the gradient and of its square; what keeps it from dividing by zero."""
PARTS = ("weight", "mean", "square")
"""What changes as it learns."""


class Latent:
    """One layer's weight and Adam's means of its gradient: float32, a row for each group."""

    def __init__(self, weight: Any, start: Quantized, frozen: bool = False) -> None:  # noqa: ANN401
        """Start at `weight` (outputs, inputs), moved as little as gives the codes of `start`.

        So a weight that `start` rounded away from its nearest code lies at that side's edge, where
        little moves it back. With `frozen`, what `start` made zero stays zero.
        """
        import torch

        self._start = start
        groups, size = start.scales.shape[0], start.group_size
        shape = (len(weight) * groups, 1)
        scale = start.scales.T.reshape(shape).to(weight.device)
        zero = start.zeros.T.reshape(shape).to(weight.device).float()
        self.grid = Grid(start.bits, scale, zero)
        codes = start.codes.T.reshape(-1, size).to(weight.device)
        values, reach = self.grid.values(codes), EDGE * scale.float()
        self.weight = weight.reshape(-1, size).maximum(values - reach).minimum(values + reach)
        self.mask = values == 0 if frozen else None
        self.mean = torch.zeros_like(self.weight)
        self.square = torch.zeros_like(self.weight)
        self.step = float(scale.double().mean())

    def rounded(self) -> Quantized:
        """Round to the nearest codes, as they will be stored."""
        import torch

        inputs, outputs = self._start.codes.shape
        codes = self.grid.codes(self.weight).to("cpu", torch.uint8)
        return replace(self._start, codes=codes.reshape(outputs, inputs).T.contiguous())

    def values(self) -> Any:  # noqa: ANN401 - a tensor
        """Return the rounded weight, float32 (outputs, inputs)."""
        inputs, outputs = self._start.codes.shape
        return self.grid.values(self.grid.codes(self.weight)).reshape(outputs, inputs)

    def learn(self, gradient: Any, count: int, rate: float) -> None:  # noqa: ANN401 - a tensor
        """Take Adam's step number `count`, from 1; `rate` is in mean steps of the layer's grid.

        So it means the same for every layer of every model: how fast codes may change.
        """
        one, two = DECAYS
        gradient = gradient.reshape(self.weight.shape)
        self.mean.mul_(one).add_(gradient, alpha=1 - one)
        self.square.mul_(two).addcmul_(gradient, gradient, value=1 - two)
        wide = (self.square / (1 - two**count)).sqrt_().add_(TINY)
        change = self.mean / wide * (rate * self.step / (1 - one**count))
        self.weight -= change if self.mask is None else change.masked_fill(self.mask, 0)
