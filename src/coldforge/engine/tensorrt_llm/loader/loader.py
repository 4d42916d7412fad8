"""What a release's loader is: how it finds weights, cuts them for cards and takes their bits."""

from typing import Any, Protocol

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.loader.failure import CONVERT, PLAIN, REQUANTISE, Crash
from coldforge.engine.tensorrt_llm.loader.loaded_weights import LoadedWeights
from coldforge.engine.tensorrt_llm.loader.weight_layout import LayerTensors, Slot, Target
from coldforge.model.families.dimensions import Dimensions

INPUTS_TOO = frozenset({"w8a8", "coldforge-int8"})
"""Formats that checkpoint.convert cannot move into GPTQ: their inputs are rounded too."""


class Loader(Protocol):
    """One release, or several that load alike."""

    name: str
    one_file: bool
    """Whether it is told one file of quantised weights rather than a folder."""
    biases: frozenset[str]
    """Model types whose biases of q, k and v it reads."""
    families: frozenset[str]
    """Model types whose quantised layers it reads."""
    reads_config: bool
    """Whether it takes rotary positions from config.json, or is told."""
    rope: tuple[str, ...]
    """Kinds of rotary scaling it can do."""

    def target(self, checkpoint: Checkpoint, dims: Dimensions, tp: int, dtype: str) -> Target:
        """Say how it takes a quantised checkpoint; raise Crash if it cannot."""

    def hold(self, slot: Slot, parts: list[LayerTensors], rank: int) -> LoadedWeights:
        """Load one card's share of a matrix; raise Crash if it cannot."""

    def share(self, slot: Slot) -> int:
        """Count the inputs (or outputs, as it is cut) that a card holds of a matrix."""

    def absent(self, name: str) -> str:
        """Say why a layer that is not quantised stays random; raise Crash if it stops."""

    def head(self, checkpoint: Checkpoint, tp: int) -> str:
        """Say which tensor becomes the output head, nothing if it is left random; raise Crash."""


def group_of(checkpoint: Checkpoint) -> int:
    """Return the inputs that share a scale, as the config says."""
    return int(checkpoint.quantization.get("group_size", 128))


def refuse_family(checkpoint: Checkpoint, families: frozenset[str]) -> None:
    """Raise Crash for a family whose programs read no GPTQ files."""
    kind = str(checkpoint.config.get("model_type"))
    if kind not in families:
        raise Crash(f"reads no quantised files of models of type {kind}", PLAIN)


def refuse_format(checkpoint: Checkpoint, *read: str) -> None:
    """Raise Crash for a checkpoint that is not in one of the formats `read`."""
    form = checkpoint.format
    if form is None or form.name in read:
        return
    if form.name in INPUTS_TOO:
        fix = PLAIN
    elif form.name == "coldforge-binary":
        fix = REQUANTISE
    else:
        fix = CONVERT
    raise Crash(f"reads GPTQ's tensors, not {form.name}'s", fix)


def refuse_width(checkpoint: Checkpoint, names: tuple[str, ...], group: int) -> None:
    """Raise Crash for layers of other than 4 bits, or other groups than the builder is told."""
    for name in names:
        shape = checkpoint.linears[name].shape
        if shape.bits != 4:
            raise Crash(f"{shape.bits} bits a weight; GPTQ of 4 bits is read", REQUANTISE)
        if shape.group_size != group:
            raise Crash(f"groups of {shape.group_size}, elsewhere {group}", REQUANTISE)


def half_alone(scales: list[Any]) -> None:
    """Raise Crash unless scales are float16: they are not converted, the kernel takes no other."""
    import torch

    for item in scales:
        if item.dtype != torch.float16:
            kind = str(item.dtype).removeprefix("torch.")
            raise Crash(f"its scales are {kind}, and stay so; kernels take float16", REQUANTISE)
