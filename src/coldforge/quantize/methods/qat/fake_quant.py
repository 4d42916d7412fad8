"""A layer's weight in training: stored in full precision, rounded in the forward pass.

The straight-through estimator (Bengio et al. 2013) applies the rounded weight's gradient to the
stored one. Scales and zero points are not trained.
"""

from dataclasses import replace
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.quantize.solver.grid import WeightGrid

EDGE = 0.45
"""Largest distance from a code's value, in steps, at the start; above 0.5 the code changes."""
DECAYS, TINY = (0.9, 0.95), 1e-12
"""Decay rates of Adam's first and second moments, and its epsilon."""
PARTS = ("weight", "mean", "square")
"""The tensors that training changes."""


class FakeQuantWeight:
    """One layer's weight and Adam's moments: float32 (out_features * groups, group_size)."""

    def __init__(self, weight: Any, start: Quantized, frozen: bool = False) -> None:  # noqa: ANN401
        """Take `weight` (out_features, in_features), clamped so that it rounds to `start`'s codes.

        A weight that `start` did not round to its nearest code lies at the edge of that code's
        interval. With `frozen`, entries that are zero in `start` stay zero.
        """
        import torch

        self._start = start
        groups, size = start.scales.shape[0], start.group_size
        shape = (len(weight) * groups, 1)
        scale = start.scales.T.reshape(shape).to(weight.device)
        zero = start.zeros.T.reshape(shape).to(weight.device).float()
        self.grid = WeightGrid(start.bits, scale, zero)
        codes = start.codes.T.reshape(-1, size).to(weight.device)
        values, reach = self.grid.values(codes), EDGE * scale.float()
        self.weight = weight.reshape(-1, size).maximum(values - reach).minimum(values + reach)
        self.mask = values == 0 if frozen else None
        self.mean = torch.zeros_like(self.weight)
        self.square = torch.zeros_like(self.weight)
        self.step = float(scale.double().mean())

    def rounded(self) -> Quantized:
        """Round to the nearest codes, as stored."""
        import torch

        in_features, out_features = self._start.codes.shape
        codes = self.grid.codes(self.weight).to("cpu", torch.uint8)
        return replace(self._start, codes=codes.reshape(out_features, in_features).T.contiguous())

    def values(self) -> Any:  # noqa: ANN401 - a tensor
        """Return the rounded weight, float32 (out_features, in_features)."""
        in_features, out_features = self._start.codes.shape
        return self.grid.values(self.grid.codes(self.weight)).reshape(out_features, in_features)

    def learn(self, gradient: Any, count: int, rate: float) -> None:  # noqa: ANN401 - a tensor
        """Take Adam's step number `count`, from 1; `rate` is in mean steps of the layer's grid.

        So a rate means the same for every layer: how fast codes may change.
        """
        one, two = DECAYS
        gradient = gradient.reshape(self.weight.shape)
        self.mean.mul_(one).add_(gradient, alpha=1 - one)
        self.square.mul_(two).addcmul_(gradient, gradient, value=1 - two)
        wide = (self.square / (1 - two**count)).sqrt_().add_(TINY)
        change = self.mean / wide * (rate * self.step / (1 - one**count))
        self.weight -= change if self.mask is None else change.masked_fill(self.mask, 0)
