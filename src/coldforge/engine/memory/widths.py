"""In how many bits each linear layer is stored, by the config alone or by the weights' headers."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from coldforge.checkpoint.formats import rules, scheme
from coldforge.checkpoint.formats.registry import format_of
from coldforge.checkpoint.linear import Linear
from coldforge.errors import ColdforgeError

BITS = (2, 3, 4, 8)
HEAD = "lm_head"


@dataclass(frozen=True)
class Width:
    """How a quantised layer is stored."""

    bits: int
    group: int = 0
    """Inputs that share a scale; 0 where all of an output's do."""
    zeros: bool = True
    """Whether each group may have a zero point of its own."""
    inputs: bool = False
    """Whether its inputs are rounded as well (W8A8)."""
    smooth: bool = False
    """Whether the inputs have a scale each (AWQ)."""
    order: bool = False
    """Whether its groups are out of order (act-order)."""
    middle: bool = False
    """Whether every zero point is the middle of the codes (symmetric)."""

    def groups(self, inputs: int) -> int:
        """Count the scales of one output."""
        return -(-inputs // self.group) if self.group else 1


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
    form = format_of(settings).name
    readers: dict[str, Callable[[str, Mapping[str, Any]], Width | None]] = {
        "gptq": _gptq, "gptq_v2": _gptq, "awq": _awq, "compressed-tensors": _scheme,
        "w8a8": _scheme, "coldforge-int8": _int8, "coldforge-binary": _binary,
    }  # fmt: skip
    read = readers[form]
    return lambda layer: read(layer, settings)


def measured_widths(linears: Mapping[str, Linear], said: Widths) -> Widths:
    """Correct what a config says by the shapes of the tensors themselves."""

    def find(layer: str) -> Width | None:
        # Some checkpoints leave the base model's prefix out.
        item = linears.get(layer) or linears.get(layer.partition(".")[2])
        if item is None:
            return said(layer)
        if item.format is None:
            return None
        known = said(layer) or Width(item.shape.bits)
        group = item.shape.group_size if item.shape.groups > 1 else 0
        return replace(known, bits=item.shape.bits, group=group)

    return find


def _gptq(layer: str, settings: Mapping[str, Any]) -> Width | None:
    rule = rules.find_rule(settings.get("dynamic"), layer)
    if rule is None or (layer == HEAD and not settings.get("lm_head")):
        return None
    asked = {**settings, **rule}
    bits, group = rules.width(settings, layer), _group(asked.get("group_size", 128))
    order, middle = bool(asked.get("desc_act")), bool(asked.get("sym"))
    return Width(bits, group, order=order, middle=middle)


def _awq(layer: str, settings: Mapping[str, Any]) -> Width | None:
    kept = [HEAD, *(settings.get("modules_to_not_convert") or [])]
    if any(name in layer for name in kept):
        return None
    return Width(4, _group(settings.get("group_size", 128)), smooth=True)


def _scheme(layer: str, settings: Mapping[str, Any]) -> Width | None:
    for name in settings.get("ignore") or []:
        pattern = str(name)
        if pattern == layer or (pattern[:3] == "re:" and re.match(pattern[3:], layer)):
            return None
    found = scheme.weights_of(layer, settings)
    rounded = scheme.inputs_of(layer, settings) is not None
    group = _group(found.get("group_size"))
    return Width(
        int(found.get("num_bits", 8)),
        group,
        zeros=not rounded,
        inputs=rounded,
        middle=bool(found.get("symmetric", True)),
    )


def _int8(layer: str, settings: Mapping[str, Any]) -> Width | None:
    return None if layer == HEAD else Width(8, 0, zeros=False, inputs=True, middle=True)


def _binary(layer: str, settings: Mapping[str, Any]) -> Width | None:
    return None if layer == HEAD else Width(1, _group(settings.get("group_size")))


def _group(said: object) -> int:
    """Read a group size: none and -1 mean a whole column."""
    try:
        return max(int(str(said or 0)), 0)
    except ValueError as error:
        raise ColdforgeError(
            f"quantization_config says group_size {said!r}", "copy config.json again"
        ) from error
