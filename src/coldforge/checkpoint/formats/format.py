"""What a checkpoint format is: how one quantised linear layer becomes named tensors and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from coldforge.checkpoint.formats.quantized import Quantized

Settings = Mapping[str, Any]
"""A checkpoint's quantization_config, or what will become it."""
Tensors = dict[str, Any]
"""Suffix after the layer's name, such as ".qweight" -> tensor."""
Shapes = Mapping[str, Sequence[int]]
"""The same suffixes -> shapes, as a file's header tells them."""


@dataclass(frozen=True)
class Shape:
    """What the shapes of a layer's tensors alone say of it."""

    bits: int
    inputs: int
    outputs: int
    groups: int
    """Rows of scales."""

    @property
    def weights(self) -> int:
        """Count the weights."""
        return self.inputs * self.outputs

    @property
    def transposed(self) -> "Shape":
        """Return it with inputs and outputs exchanged."""
        return replace(self, inputs=self.outputs, outputs=self.inputs)

    @property
    def group_size(self) -> int:
        """Count the inputs that share a scale."""
        return -(-self.inputs // self.groups)


class Format(Protocol):
    """A way to store quantised linear layers that some tool reads."""

    name: str
    """As users name it: checkpoint.convert --to NAME."""
    parts: tuple[str, ...]
    """Suffixes it may store in place of a layer's weight; the first is always there."""

    def matches(self, settings: Settings) -> bool:
        """Tell whether a checkpoint with this quantization_config is in this format."""

    def shape(self, layer: str, shapes: Shapes, settings: Settings) -> Shape:
        """Measure one layer by its tensors' shapes; raise ColdforgeError naming what is wrong."""

    def decode(self, layer: str, tensors: Mapping[str, Any], settings: Settings) -> Quantized:
        """Read one layer's tensors (by suffix); raise ColdforgeError naming what does not fit."""

    def encode(self, layer: str, item: Quantized, settings: Settings | None = None) -> Tensors:
        """Store one layer; raise ColdforgeError if the format cannot hold it losslessly.

        `settings` are those given to `config`. Without them the layer speaks for itself, which is
        enough unless a layer with all zero points in the middle is among others without.
        """

    def config(self, settings: Settings) -> dict[str, Any]:
        """Write the quantization_config others expect.

        `settings` has: bits, group_size, sym (bool), dynamic (pattern -> {bits, group_size} or
        None for a layer left as it is; patterns as in rules.py), activations (None, "static" or
        "dynamic"); where true, desc_act (a layer has an order) and lm_head (it is quantised).
        """
