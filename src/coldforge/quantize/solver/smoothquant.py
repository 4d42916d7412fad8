"""Scales that shift range between a linear layer's inputs and weights.

The output is the same with inputs divided and weights multiplied by them.
"""

from typing import Any


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
