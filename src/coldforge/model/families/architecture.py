"""What we know of a model family: where its blocks are, which linear layers share an input."""

import re
from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.errors import ColdforgeError


@dataclass(frozen=True)
class Stage:
    """Linear layers of a block that read one input, and what makes that input."""

    layers: tuple[str, ...]
    norm: str = ""
    """The norm whose output they read, where there is nothing between."""
    linear: str = ""
    """The linear layer whose output, times something, they read element by element."""


@dataclass(frozen=True)
class Architecture:
    """A family of models."""

    blocks: str
    """Name of the list of blocks."""
    stages: tuple[Stage, ...]
    """In the order in which a block computes."""
    turned: bool = False
    """Whether linear weights are stored (inputs, outputs): the Conv1D of GPT-2."""
    norm: str = "model.norm"
    """The norm between the last block and the head."""

    @property
    def layers(self) -> tuple[str, ...]:
        """List a block's linear layers in the order in which it computes."""
        return tuple(layer for stage in self.stages for layer in stage.layers)


_LLAMA = Architecture(
    "model.layers",
    (
        Stage(("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), norm="input_layernorm"),
        Stage(("self_attn.o_proj",), linear="self_attn.v_proj"),
        Stage(("mlp.gate_proj", "mlp.up_proj"), norm="post_attention_layernorm"),
        Stage(("mlp.down_proj",), linear="mlp.up_proj"),
    ),
)
_GPT2 = Architecture(
    "transformer.h",
    (
        Stage(("attn.c_attn",), norm="ln_1"),
        Stage(("attn.c_proj",)),
        Stage(("mlp.c_fc",), norm="ln_2"),
        Stage(("mlp.c_proj",)),
    ),
    turned=True,
    norm="transformer.ln_f",
)
ARCHITECTURES = {"gpt2": _GPT2, "llama": _LLAMA, "mistral": _LLAMA, "qwen2": _LLAMA}


def architecture_of(config: dict[str, Any]) -> Architecture:
    """Look a model's family up; raise ColdforgeError for one we do not know."""
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise ColdforgeError(
            f"models of type {kind!r} cannot be quantised",
            f"known types: {', '.join(sorted(ARCHITECTURES))}",
        )
    return ARCHITECTURES[kind]


def block_tensors(checkpoint: Checkpoint) -> list[dict[str, str]]:
    """Map, block by block, each tensor's name within the block to its name in the checkpoint.

    Some checkpoints leave the base model's prefix out. Raise ColdforgeError for a missing block.
    """
    outer = architecture_of(checkpoint.config).blocks
    pattern = re.compile(rf"^(?:{re.escape(outer)}|{outer.rpartition('.')[2]})\.(\d+)\.(.+)$")
    found: dict[int, dict[str, str]] = {}
    for name in checkpoint.tensors:
        if match := pattern.match(name):
            found.setdefault(int(match[1]), {})[match[2]] = name
    if sorted(found) != list(range(len(found))) or not found:
        raise ColdforgeError(
            f"{checkpoint.folder} has no whole row of blocks {outer}.0, 1, …", "copy it again"
        )
    return [found[index] for index in range(len(found))]


def unknown_layers(checkpoint: Checkpoint) -> list[str]:
    """Name the matrices inside blocks that are no linear layer we know; they stay as they are."""
    known = {f"{layer}.weight" for layer in architecture_of(checkpoint.config).layers}
    return sorted(
        full
        for block in block_tensors(checkpoint)
        for name, full in block.items()
        if len(checkpoint.tensors[full].shape) == 2 and name not in known
    )
