"""A layer's weight under training: full precision beneath, rounded wherever it is used.

The straight-through estimator (Bengio et al. 2013): the gradient of the rounded weight is taken as
the gradient of the one beneath.
"""

from dataclasses import dataclass, field
from typing import Any

from coldforge.model.formats.quantized import Quantized
from coldforge.model.methods.rtn import nearest
from coldforge.model.solver.grid import search

DECAYS, TINY = (0.9, 0.95), 1e-12
"""Of Adam's means of the gradient and of its square; what keeps it from dividing by zero."""


@dataclass
class Latent:
    """One layer's weight and Adam's means, float32 (outputs, inputs) each."""

    weight: Any
    bits: int
    group_size: int
    sym: bool
    mask: Any = None
    """True where a weight was pruned and must stay zero."""
    mean: Any = field(default=None)
    square: Any = field(default=None)

    def __post_init__(self) -> None:
        """Start without any gradient seen."""
        import torch

        if self.mask is not None:
            self.weight = self.weight.masked_fill(self.mask, 0)
        self.mean = torch.zeros_like(self.weight)
        self.square = torch.zeros_like(self.weight)

    def narrow(self) -> None:
        """Clip each group to the range whose grid has the least squared error."""
        top = (1 << self.bits) - 1
        rows, width = self.weight.shape
        grouped = self.weight.reshape(-1, width if self.group_size == -1 else self.group_size)
        grid = search(grouped, self.bits, self.sym)
        scale = grid.scale.float()
        low = -scale * top / 2 if self.sym else -scale * grid.zero
        high = low + scale * top
        self.weight = grouped.maximum(low).minimum(high).reshape(rows, width)

    def rounded(self) -> Quantized:
        """Round as the exporter does; what is returned is what will be stored."""
        return nearest(self.weight, self.bits, self.group_size, self.sym)

    def learn(self, gradient: Any, step: int, rate: float) -> None:  # noqa: ANN401 - a tensor
        """Take Adam's step number `step`, from 1; `rate` is in mean steps of the layer's grid.

        So the rate means the same for every layer of every model: how fast codes may change.
        """
        one, two = DECAYS
        self.mean.mul_(one).add_(gradient, alpha=1 - one)
        self.square.mul_(two).addcmul_(gradient, gradient, value=1 - two)
        wide = (self.square / (1 - two**step)).sqrt_().add_(TINY)
        size = rate * float(self.rounded().scales.double().mean())
        self.weight -= self.mean / wide * (size / (1 - one**step))
        if self.mask is not None:
            self.weight.masked_fill_(self.mask, 0)
