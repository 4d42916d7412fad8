"""Torch's own dynamic int8 layers: weights packed for a kernel, inputs rounded as they come."""

import warnings
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized

MIDDLE = 128


def dynamic_linear(item: Quantized, bias: Any) -> Any:  # noqa: ANN401 - tensors and a module
    """Return a torch.ao.nn.quantized.dynamic.Linear that computes with these very codes."""
    import torch
    from torch.ao.nn.quantized.dynamic import Linear

    _choose_engine()
    inputs, outputs = item.codes.shape
    codes = (item.codes.T.to(torch.int16) - MIDDLE).to(torch.int8).contiguous()
    scales = item.scales[0]
    with warnings.catch_warnings():
        # torch announces the end of its quantised tensors; the release we run on still has them.
        warnings.simplefilter("ignore")
        if bool((scales == scales[0]).all()):
            weight = torch._make_per_tensor_quantized_tensor(codes, float(scales[0]), 0)
        else:
            weight = torch._make_per_channel_quantized_tensor(
                codes, scales.double(), torch.zeros(outputs, dtype=torch.long), 0
            )
        module = Linear(inputs, outputs)
        module.set_weight_bias(weight, bias if bias is not None else torch.zeros(outputs))
    return module


def _choose_engine() -> None:
    """Name a kernel library, where torch has not chosen one itself."""
    import torch

    engines = [name for name in torch.backends.quantized.supported_engines if name != "none"]
    if torch.backends.quantized.engine == "none" and engines:
        torch.backends.quantized.engine = engines[0]
