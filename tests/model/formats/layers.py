"""Quantised layers of every kind, drawn at random."""

from typing import Any

import pytest
from hypothesis import strategies as st

torch: Any = pytest.importorskip("torch")

NAME = "model.layers.0.mlp.up_proj"


@st.composite
def layers(
    draw: Any,
    bits: tuple[int, ...],
    low: int = 0,
    ordered: bool = False,
    scales: tuple[str, ...] = ("float16", "bfloat16"),
) -> Any:
    """Draw a layer whose zero points start at `low`; `ordered` allows groups out of order."""
    from coldforge.model.formats.quantized import Quantized

    width = draw(st.sampled_from(bits))
    groups = draw(st.integers(1, 3))
    inputs, outputs = groups * 32 * draw(st.integers(1, 2)), 32 * draw(st.integers(1, 2))
    chance = torch.Generator().manual_seed(draw(st.integers(0, 1 << 32)))
    top = 1 << width
    zeros = torch.randint(low, top, (groups, outputs), generator=chance).short()
    if draw(st.booleans()):
        zeros = torch.full_like(zeros, top >> 1)
    kind = getattr(torch, draw(st.sampled_from(scales)))
    order = None
    if ordered and groups > 1 and draw(st.booleans()):
        shuffled = torch.randperm(inputs, generator=chance)
        order = (shuffled // (inputs // groups)).int()
    return Quantized(
        width,
        torch.randint(0, top, (inputs, outputs), generator=chance).to(torch.uint8),
        torch.rand((groups, outputs), generator=chance).to(kind) + 0.01,
        zeros,
        order,
    )


def same(one: Any, other: Any) -> bool:
    """Tell whether two layers are equal, bit for bit, types too."""
    pairs = [
        (getattr(one, name), getattr(other, name))
        for name in ("codes", "scales", "zeros", "order", "input_scale")
    ]
    return one.bits == other.bits and all(
        a is b if a is None or b is None else a.dtype == b.dtype and torch.equal(a, b)
        for a, b in pairs
    )
