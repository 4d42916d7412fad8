"""Tensors that stay as they are, but for the engine's type."""

from typing import Any

from coldforge.engine.tensorrt_llm.loader.failure import BF16, UNIFIED
from coldforge.engine.tensorrt_llm.loader.verdict import (
    EXACT,
    LEFT_OUT,
    OVERFLOWS,
    ROUNDED,
    Finding,
)

ROWS = 4096
"""Looked at together."""
OURS = ("embed_tokens.weight", "norm.weight", "layernorm.weight", "lm_head.weight")
"""Endings of what every release reads."""
IDLE = ("rotary_emb.inv_freq",)
"""Endings of what none needs."""


def cast(name: str, tensor: Any, dtype: str) -> Finding:  # noqa: ANN401 - a tensor
    """Say what casting a tensor to the engine's type does to it."""
    import torch

    kind, wrong, lost, largest = getattr(torch, dtype), 0, 0, 0.0
    for block in tensor.split(ROWS):
        meant = block.float()
        engine = block.to(kind).float()
        beyond = engine.isinf() & meant.isfinite()
        wrong += int(beyond.sum())
        far = (engine - meant)[~beyond].abs()
        lost += int((far > 0).sum())
        largest = max(largest, float(far.max()) if far.numel() else 0.0)
    if wrong:
        why = f"{dtype} holds no number as large as some of its"
        return Finding(name, OVERFLOWS, why, wrong / tensor.numel(), None, BF16)
    if lost:
        stored = str(tensor.dtype).removeprefix("torch.")
        return Finding(name, ROUNDED, f"{stored} becomes {dtype}", largest=largest)
    return Finding(name, EXACT)


def left_out(name: str, tensor: Any) -> Finding:  # noqa: ANN401 - a tensor
    """Say that a release does not read a tensor; harmless if it is nothing."""
    if not bool(tensor.any()):
        return Finding(name, EXACT)
    largest = float(tensor.float().abs().max())
    why = "its Llama has no place for it"
    return Finding(name, LEFT_OUT, why, 1.0, largest, UNIFIED)
