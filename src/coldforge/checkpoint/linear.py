"""The linear layers of a checkpoint, plain or quantised, by its headers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from coldforge.checkpoint.formats.format import Format, Settings, Shape
from coldforge.checkpoint.formats.registry import format_of
from coldforge.checkpoint.safetensors_file import WIDTHS, Tensor
from coldforge.errors import ColdforgeError

IN_BLOCK = re.compile(r"(^|\.)\d+\.")
"""Names inside a block; embeddings, final norm and head have no number."""


@dataclass(frozen=True)
class Linear:
    """One linear layer; a plain one has the bits of its type and no groups."""

    name: str
    shape: Shape
    """Of a plain weight as if it were stored (out_features, in_features): headers do not tell.
    `model.families.blocks.linear_layers` knows the families that store it the other way."""
    size: int
    """Bytes; scales, zero points and group indices counted."""
    format: Format | None
    tensors: Mapping[str, Tensor]
    """Suffix -> tensor, of all that are stored in place of the weight."""


def linears(tensors: Mapping[str, Tensor], settings: Settings) -> dict[str, Linear]:
    """Find the linear layers by name; raise ColdforgeError naming one that does not fit."""
    form = format_of(settings) if settings else None
    found = {}
    if form:
        found = {name: _quantised(name, tensors, form, settings) for name in _stems(tensors, form)}
        if not found:
            raise ColdforgeError(
                f"the config says {form.name}, but no layer is quantised so",
                "copy the checkpoint again",
            )
    for name, item in tensors.items():
        stem, _, part = name.rpartition(".")
        plain = part == "weight" and stem not in found and len(item.shape) == 2
        if plain and IN_BLOCK.search(name):
            found[stem] = _plain(stem, item)
    return dict(sorted(found.items()))


def _stems(tensors: Iterable[str], form: Format) -> list[str]:
    """Name the layers that have the part which every quantised layer has."""
    part = form.parts[0]
    return sorted(name.removesuffix(part) for name in tensors if name.endswith(part))


def _quantised(
    name: str, tensors: Mapping[str, Tensor], form: Format, settings: Settings
) -> Linear:
    parts = {part: tensors[name + part] for part in form.parts if name + part in tensors}
    shape = form.shape(name, {part: item.shape for part, item in parts.items()}, settings)
    return Linear(name, shape, sum(item.size for item in parts.values()), form, parts)


def _plain(name: str, item: Tensor) -> Linear:
    outputs, inputs = item.shape
    shape = Shape(WIDTHS[item.dtype] * 8, inputs, outputs, 0)
    return Linear(name, shape, item.size, None, {".weight": item})
