"""In how many bits each linear layer is stored, by the config alone or by the weights' headers."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from coldforge.checkpoint.formats.format import HEAD, Width
from coldforge.checkpoint.formats.registry import format_of
from coldforge.checkpoint.linear import Linear
from coldforge.errors import ColdforgeError

BITS = (2, 3, 4, 8)


Widths = Callable[[str], Width | None]
"""A layer's name -> how it is stored, None where it is not quantised."""


def asked_widths(bits: int, group_size: int) -> Widths:
    """Give every layer of the blocks one width, 16 for none; raise ColdforgeError."""
    if bits == 16:
        return lambda layer: None
    if bits not in BITS:
        known = ", ".join(map(str, BITS))
        raise ColdforgeError(f"--bits {bits} is not known", f"choose one of: {known}, 16")
    if group_size < -1:
        raise ColdforgeError(f"--group-size {group_size}", "give the weights of a group, or 0")
    one = Width(bits, max(group_size, 0))
    return lambda layer: None if layer == HEAD else one


def widths_of(settings: Mapping[str, Any]) -> Widths:
    """Read a quantization_config, {} for an original; raise ColdforgeError if we cannot."""
    if not settings:
        return lambda layer: None
    form = format_of(settings)
    return lambda layer: form.width(layer, settings)


def measured_widths(linears: Mapping[str, Linear], declared: Widths) -> Widths:
    """Correct what a config says by the shapes of the tensors themselves."""

    def find(layer: str) -> Width | None:
        # Some checkpoints leave the base model's prefix out.
        item = linears.get(layer) or linears.get(layer.partition(".")[2])
        if item is None:
            return declared(layer)
        if item.format is None:
            return None
        known = declared(layer) or Width(item.shape.bits)
        group = item.shape.group_size if item.shape.groups > 1 else 0
        return replace(known, bits=item.shape.bits, group=group)

    return find
