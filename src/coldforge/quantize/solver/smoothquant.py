"""Scales that shift range between a linear layer's inputs and weights, and the error they leave.

The output is the same with inputs divided and weights multiplied by them.

Errors of rounding different inputs to int8 are taken as independent: each contributes its square
times the squares of what it is multiplied with. So the layer's product need not be computed.
"""

from dataclasses import dataclass
from typing import Any

from coldforge.model.deterministic import Workers
from coldforge.model.loading.load import HIGH, LOW, token_scales
from coldforge.model.loading.load import rounded as nearest
from coldforge.quantize.solver.grid import round_to_nearest

TOKENS = 512
"""Tokens measured together."""
SMALLEST = 2.0**-24
"""Step of inputs that are all zero."""


def awq_scales(magnitude: Any, alpha: float) -> Any:  # noqa: ANN401 - tensors
    """Scale inputs by their mean magnitude (in_features,) to the power of `alpha`.

    AWQ (Lin et al. 2023, equation 5): the weights of large inputs are rounded on a finer grid.
    """
    return _balanced(magnitude.float().pow(alpha), magnitude > 0)


def smoothquant_scales(inputs: Any, weights: Any, alpha: float) -> Any:  # noqa: ANN401 - tensors
    """Share the range between inputs and weights, largest magnitudes of each input (in_features,).

    SmoothQuant (Xiao et al. 2022, equation 4): max|x|^alpha / max|w|^(1 - alpha).
    """
    alive = (inputs > 0) & (weights > 0)
    scales = inputs.float().pow(alpha) / weights.float().pow(1 - alpha)
    return _balanced(scales, alive)


def _balanced(scales: Any, alive: Any) -> Any:  # noqa: ANN401 - tensors
    """Center the scales around 1 geometrically; unused inputs keep 1."""
    import torch

    if not bool(alive.any()):
        return torch.ones_like(scales)
    known = scales[alive].clamp(min=torch.finfo(torch.float32).tiny)
    middle = known.max().sqrt() * known.min().sqrt()
    return torch.where(alive, scales / middle, torch.ones_like(scales))


@dataclass(frozen=True)
class Trial:
    """A way to store a layer: inputs divided, weights multiplied by `scales` (in_features,)."""

    scales: Any
    step: Any = None
    """Of the rounded inputs, float32 (1,); None for one per token."""


def rounded(inputs: Any, step: Any) -> Any:  # noqa: ANN401 - tensors
    """Round inputs (tokens, in_features) to int8 multiples of `step`; None: one step per token."""
    return nearest(inputs, token_scales(inputs) if step is None else step)


def step_of(largest: Any, share: float = 1.0) -> Any:  # noqa: ANN401 - tensors
    """Return the step (1,) of a range up to a share of the `largest` inputs (in_features,)."""
    step = largest.max().reshape(1) * share / ((HIGH - LOW) / 2)
    return step.clamp(min=SMALLEST)


def input_losses(rows: Any, energy: Any, trials: list[Trial], pool: Workers) -> Any:  # noqa: ANN401
    """Return the squared output error of rounding `rows` (tokens, in_features), float64 (trials,).

    `energy` (in_features,) is the sum of squares of the weights that read each input, not scaled.
    """
    import torch

    def one(tile: Any) -> Any:  # noqa: ANN401 - a tensor
        found = []
        for trial in trials:
            inputs = tile / trial.scales
            lost = (rounded(inputs, trial.step) - inputs) * trial.scales
            found.append((lost.square().sum(0).double() * energy).sum())
        return torch.stack(found)

    return torch.stack(pool.map(one, rows.split(TOKENS))).sum(0)


def weight_losses(weights: list[Any], squares: Any, trials: list[Trial], pool: Workers) -> Any:  # noqa: ANN401
    """Return the squared output error of rounding `weights` to nearest, float64 (trials,).

    Each is (out_features, in_features); `squares` (in_features,) is the sum of squares of each
    unscaled input.
    """
    import torch

    def one(trial: Trial) -> Any:  # noqa: ANN401 - a tensor
        losses = [
            (round_to_nearest(item * trial.scales, 8, -1, True) / trial.scales - item)
            .square()
            .sum(0)
            for item in weights
        ]
        return (torch.stack(losses).sum(0).double() * squares).sum()

    return torch.stack(pool.map(one, trials))
