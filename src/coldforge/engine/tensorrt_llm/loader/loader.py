"""The weight loader of a release: how it finds weights, cuts them for GPUs and decodes them."""

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
    """Whether it reads quantised weights from one file, not from a folder."""
    biases: frozenset[str]
    """Model types whose biases of q, k and v it reads."""
    families: frozenset[str]
    """Model types whose quantised layers it reads."""
    reads_config: bool
    """Whether it reads rotary settings from config.json; else flags say them."""
    rope: tuple[str, ...]
    """Kinds of rotary scaling it can do."""

    def target(self, checkpoint: Checkpoint, dims: Dimensions, tp: int, dtype: str) -> Target:
        """Return how it reads a quantised checkpoint; raise Crash if it cannot."""

    def load(self, slot: Slot, parts: list[LayerTensors], rank: int) -> LoadedWeights:
        """Load one card's share of a matrix; raise Crash if it cannot."""

    def share(self, slot: Slot) -> int:
        """Count the inputs of a matrix on one card; the outputs where it is cut by outputs."""

    def absent(self, name: str) -> str:
        """Return why a layer that is not quantised stays uninitialised; raise Crash if it stops."""

    def head(self, checkpoint: Checkpoint, tp: int) -> str:
        """Return the tensor of the output head, empty if it stays uninitialised; raise Crash."""


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
    """Raise Crash for layers of other than 4 bits, or of another group size than `group`."""
    for name in names:
        shape = checkpoint.linears[name].shape
        if shape.bits != 4:
            raise Crash(f"{shape.bits} bits a weight; GPTQ of 4 bits is read", REQUANTISE)
        if shape.group_size != group:
            raise Crash(f"groups of {shape.group_size}, elsewhere {group}", REQUANTISE)


def half_alone(scales: list[Any]) -> None:
    """Raise Crash unless scales are float16: they are not converted, kernels take only that."""
    import torch

    for item in scales:
        if item.dtype != torch.float16:
            kind = str(item.dtype).removeprefix("torch.")
            raise Crash(f"does not convert scales of {kind}; kernels take float16", REQUANTISE)
