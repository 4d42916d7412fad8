"""Quantised layers of every kind, drawn at random."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

torch: Any = pytest.importorskip("torch")

NAME = "model.layers.0.mlp.up_proj"
patient = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
"""For property tests: a busy machine is no failure."""


@st.composite
def layers(
    draw: Any,
    bits: tuple[int, ...],
    *,
    low: int = 0,
    ordered: bool = False,
    scales: tuple[str, ...] = ("float16", "bfloat16"),
    sizes: tuple[int, ...] = (1, 2, 3),
    middle: bool = False,
) -> Any:
    """Draw a layer whose zero points start at `low`, or are all in the `middle`.

    `ordered` allows groups out of order; `sizes` are the numbers of groups there may be.
    """
    from coldforge.checkpoint.formats.quantized import Quantized

    width, groups = draw(st.sampled_from(bits)), draw(st.sampled_from(sizes))
    inputs, outputs = groups * 32 * draw(st.integers(1, 2)), 32 * draw(st.integers(1, 2))
    chance = torch.Generator().manual_seed(draw(st.integers(0, 1 << 32)))
    top = 1 << width
    codes = torch.randint(0, top, (inputs, outputs), generator=chance).to(torch.uint8)
    zeros = torch.randint(low, top, (groups, outputs), generator=chance).short()
    if middle or draw(st.booleans()):
        zeros = torch.full_like(zeros, top >> 1)
    if width == 1:
        codes, zeros = codes * 2, torch.ones_like(zeros)
    kind = getattr(torch, draw(st.sampled_from(scales)))
    steps = torch.rand((groups, outputs), generator=chance).to(kind) + 0.01
    shuffle = ordered and groups > 1 and draw(st.booleans())
    order = _shuffled(inputs, groups, chance) if shuffle else None
    return Quantized(width, codes, steps, zeros, order)


def drawn(bits: int, zero: int, groups: int = 2, ordered: bool = False) -> Any:
    """Make one layer of 64 inputs and 32 outputs, all zero points alike."""
    from coldforge.checkpoint.formats.quantized import Quantized

    chance = torch.Generator().manual_seed(bits)
    return Quantized(
        bits,
        torch.randint(0, 1 << bits, (64, 32), generator=chance).to(torch.uint8),
        torch.rand((groups, 32), generator=chance).half(),
        torch.full((groups, 32), zero, dtype=torch.int16),
        _shuffled(64, groups, chance) if ordered else None,
    )


def settings_of(item: Any) -> dict[str, Any]:
    """Describe a checkpoint of layers like this one."""
    return {
        "activations": None,
        "bits": item.bits,
        "dynamic": {},
        "group_size": item.group_size,
        "sym": item.symmetric,
    }


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


def _shuffled(inputs: int, groups: int, chance: Any) -> Any:
    return (torch.randperm(inputs, generator=chance) // (inputs // groups)).int()
