"""What a model is made of, tensor by tensor, as far as memory goes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coldforge.engine.memory.widths import HEAD, Width, Widths
from coldforge.model.families.dimensions import Dimensions

STEMS = {"gpt2": "transformer.h"}
"""Where a family keeps its blocks; model.layers unless it stands here."""
BY_INPUTS = ("o_proj", "down_proj", "c_proj")
"""Layers that tensor parallelism cuts by their inputs; the others by their outputs."""
QUERY = frozenset({"q_proj", "k_proj", "v_proj"})


@dataclass(frozen=True)
class Layer:
    """One linear layer."""

    name: str
    inputs: int
    outputs: int
    width: Width | None
    bias: bool

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
        stem = STEMS.get(self.size.kind, "model.layers")
        for block in range(self.size.layers):
            for short, (inputs, outputs) in self.size.linears().items():
                name = f"{stem}.{block}.{short}"
                yield Layer(name, inputs, outputs, self.widths(name), self._bias(short))

    def head(self) -> Layer:
        """Describe the head; the embedding where they are tied, which is never quantised."""
        width = None if self.size.tied else self.widths(HEAD)
        return Layer(HEAD, self.size.hidden, self.size.vocab, width, bias=False)

    @property
    def norms(self) -> int:
        """Count the numbers of all norms: two in a block, and the last."""
        each = self.size.hidden * (1 if self.size.gated else 2)
        return (2 * self.size.layers + 1) * each

    @property
    def places(self) -> int:
        """Count the numbers of learned positions."""
        return 0 if self.size.gated else self.size.positions * self.size.hidden

    def _bias(self, short: str) -> bool:
        """Tell whether a layer of a block has a bias; Llama's config says, Qwen2's need not."""
        if not self.size.gated:
            return True
        part = short.rpartition(".")[2]
        if self.size.kind == "qwen2":
            return part in QUERY
        return bool(self.config.get("attention_bias" if "attn" in short else "mlp_bias"))


def precision(outline: Outline, plain: str) -> str:
    """Name the arithmetic by the widths of the layers, `plain` where none is quantised."""
    widths = {layer.width for layer in outline.blocks() if layer.width}
    bits = {width.bits for width in widths}
    if not bits:
        return plain
    if len(bits) > 1:
        return "mixed"
    return "w8a8" if all(width.inputs for width in widths) else f"int{bits.pop()}"
