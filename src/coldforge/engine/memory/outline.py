"""What a model is made of, tensor by tensor, as far as memory goes.

The width of each linear layer is known from the config alone, or from the weights' headers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from coldforge.checkpoint.formats.format import HEAD, Width
from coldforge.checkpoint.formats.registry import format_of
from coldforge.checkpoint.linear import Linear
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import Dimensions

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


@dataclass(frozen=True)
class Layer:
    """One linear layer."""

    name: str
    inputs: int
    outputs: int
    width: Width | None
    bias: bool
    gives: str
    """What its outputs are: hidden, query, key_value, joint or intermediate, see `Features`; or
    vocab."""

    @property
    def weights(self) -> int:
        """Count its weights."""
        return self.inputs * self.outputs

    @property
    def part(self) -> str:
        """The last word of its name, such as q_proj."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Outline:
    """A model by its numbers and the widths of its layers."""

    size: Dimensions
    config: Mapping[str, Any]
    widths: Widths

    def blocks(self) -> Iterator[Layer]:
        """Go through the linear layers of all blocks."""
        family, sides = self.size.family, self.size.linears()
        for block in range(self.size.layers):
            for stage in family.stages:
                for short, gives in stage.projections.items():
                    name = f"{family.blocks}.{block}.{short}"
                    bias = family.has_bias(short, self.config)
                    yield Layer(name, *sides[short], self.widths(name), bias, gives)

    def head(self) -> Layer:
        """Describe the head; the embedding where they are tied, which is never quantised."""
        width = None if self.size.tied else self.widths(HEAD)
        return Layer(HEAD, self.size.hidden, self.size.vocab, width, bias=False, gives="vocab")

    @property
    def norms(self) -> int:
        """Count the numbers of all norms: two in a block, and the last."""
        each = self.size.hidden * (1 if self.size.family.norm == "rms" else 2)
        return (2 * self.size.layers + 1) * each

    @property
    def places(self) -> int:
        """Count the numbers of learned positions."""
        learned = self.size.family.positions == "learned"
        return self.size.positions * self.size.hidden if learned else 0


def precision(outline: Outline, plain: str) -> str:
    """Name the arithmetic by the widths of the layers, `plain` where none is quantised."""
    widths = {layer.width for layer in outline.blocks() if layer.width}
    bits = {width.bits for width in widths}
    if not bits:
        return plain
    if len(bits) > 1:
        return "mixed"
    return "w8a8" if all(width.inputs for width in widths) else f"int{bits.pop()}"
