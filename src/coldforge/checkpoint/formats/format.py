"""The door for checkpoint formats: what a module `checkpoint/formats/NAME.py` has as its FORMAT.

    class Gptq(Format):
        name = "gptq"
        parts = (".qweight", ".qzeros", ".scales")

        def matches(self, settings): ...          # recognise: by the quantization_config
        def shape(self, layer, shapes, settings): ...
        def decode(self, layer, tensors, settings): ...     # read: tensors -> Quantized
        def encode(self, layer, item, settings=None): ...   # write: Quantized -> tensors
        def config(self, settings): ...
        def width(self, layer, settings): ...     # what an engine's memory depends on

    FORMAT = Gptq()

The module is found by its place. Exactly one format may recognise a quantization_config: there is
no order among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from coldforge.checkpoint.formats.quantized import Quantized

Settings = Mapping[str, Any]
"""A checkpoint's quantization_config, or what will become it."""
Tensors = dict[str, Any]
"""Suffix after the layer's name, such as ".qweight" -> tensor."""
Shapes = Mapping[str, Sequence[int]]
"""The same suffixes -> shapes, as a file's header tells them."""
Inputs = Literal["static", "dynamic", "kernel"] | None
"""How a layer's inputs become int8: by one stored scale, by a scale for each token, within torch's
own dynamic int8 kernel; None: they do not."""
HEAD = "lm_head"
"""The output head's layer, in every family."""


@dataclass(frozen=True)
class Shape:
    """What a layer's tensors tell by their shapes."""

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


class Format(Protocol):
    """A way to store quantised linear layers that some tool reads."""

    name: str
    """As users name it: checkpoint.convert --to NAME."""
    parts: tuple[str, ...]
    """Suffixes it may store in place of a layer's weight; the first is always there."""
    convertible: bool = False
    """Whether checkpoint.convert writes it: it stores weights whose inputs stay as they are."""
    conv1d: bool = True
    """Whether the tools that read it load it into Conv1D layers, not only into nn.Linear."""

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

    def width(self, layer: str, settings: Settings) -> Width | None:
        """Say how a layer is stored by the config alone; None where it is not quantised."""

    def inputs(self, layer: str, settings: Settings) -> Inputs:
        """Say how a layer's inputs are rounded to int8."""
        return None

    def files(self, config: Settings) -> dict[str, dict[str, Any]]:
        """Write what some readers look for beside config.json: file name -> its JSON."""
        return {}
