"""Inputs of linear layers rounded to int8 in the forward pass, as compressed-tensors does.

Source: lifecycle.forward and utils.calculate_qparams of release 0.20. A scale is the largest
magnitude over 127.5, rounding half to even, values from -128 to 127.
"""

from typing import Any

LOW, HIGH = -128, 127


def rounded(values: Any, scale: Any) -> Any:  # noqa: ANN401 - tensors
    """Round to the nearest int8 multiple of `scale`, in the type of `values`."""
    import torch

    return torch.round(torch.clamp(values / scale, LOW, HIGH)) * scale


def token_scales(values: Any) -> Any:  # noqa: ANN401 - tensors
    """Return the scale of each token: (..., 1) for values (..., in_features)."""
    import torch

    largest = values.abs().amax(-1, keepdim=True)
    scale = largest / ((HIGH - LOW) / 2)
    return torch.where(scale == 0, torch.finfo(scale.dtype).eps, scale)


def watch(module: Any, scale: Any) -> Any:  # noqa: ANN401 - a module, a tensor or None; a hook
    """Let a module round its inputs by `scale`, or by a scale for each token if it is None.

    Return the hook, which can be removed.
    """

    def hook(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:  # noqa: ANN401
        values = given[0]
        step = token_scales(values) if scale is None else scale.to(values)
        return (rounded(values, step), *given[1:])

    return module.register_forward_pre_hook(hook)
