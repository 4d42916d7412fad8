"""The matrices of a release's engine, each made of one linear layer or of three."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coldforge.engine.tensorrt_llm.loader.failure import CONVERT, TP, Crash
from coldforge.model.families.dimensions import Dimensions

QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
SLOTS = {
    "attention.qkv": QKV,
    "attention.dense": ("self_attn.o_proj",),
    "mlp.fc": ("mlp.gate_proj",),
    "mlp.gate": ("mlp.up_proj",),
    "mlp.proj": ("mlp.down_proj",),
}
"""The releases' name of a matrix -> the layers it is made of, as Hugging Face names them."""
BY_ROWS = frozenset({"attention.dense", "mlp.proj"})
"""Tensor parallel cuts these by inputs, the others by outputs."""

LayerTensors = Mapping[str, Any]
"""Suffix -> tensor of one layer, as the file holds it."""


@dataclass(frozen=True)
class Target:
    """What the builder makes of the checkpoint."""

    dimensions: Dimensions
    head: int
    """Size of a head, as the release computes it."""
    tp: int
    group: int
    """Inputs that share a scale, by the builder's flags."""
    zeros: bool = True
    """Whether the engine holds zero points."""
    packing: str = "gptq"
    """The packing that the loader assumes: gptq or awq."""
    dtype: str = "float16"
    """The type that scales are cast to."""


@dataclass(frozen=True)
class Slot:
    """One matrix of one block."""

    name: str
    parts: tuple[str, ...]
    """Full names of its layers."""
    inputs: int
    outputs: tuple[int, ...]
    """Of each part, whole."""
    local: tuple[int, ...]
    """Outputs of each part that one card computes, where cut by outputs."""
    target: Target

    @property
    def by_rows(self) -> bool:
        """Tell whether tensor parallel cuts its inputs."""
        return self.name in BY_ROWS

    @property
    def rows(self) -> int:
        """Count the inputs of a card's share."""
        return self.inputs // self.target.tp if self.by_rows else self.inputs

    @property
    def columns(self) -> int:
        """Count the outputs of a card's share."""
        return sum(self.outputs) if self.by_rows else sum(self.local)


def slots(target: Target) -> Iterator[Slot]:
    """List the matrices of all blocks; raise Crash if heads cannot be divided among the cards."""
    dims, tp = target.dimensions, target.tp
    if dims.heads % tp or (dims.kv_heads % tp and tp % dims.kv_heads):
        raise Crash(f"{dims.heads} heads, {dims.kv_heads} of K and V, on {tp} cards", TP)
    shared = -(-dims.kv_heads // tp) * target.head
    linears = dims.linears()
    for block in range(dims.layers):
        for name, parts in SLOTS.items():
            outputs = tuple(linears[part][1] for part in parts)
            local = tuple(width // tp for width in outputs)
            if len(parts) > 1:
                local = (dims.heads // tp * target.head, shared, shared)
            full = tuple(f"model.layers.{block}.{part}" for part in parts)
            yield Slot(name, full, linears[parts[0]][0], outputs, local, target)


def need(slot: Slot, parts: list[LayerTensors], *suffixes: str) -> None:
    """Raise Crash naming a tensor that is not in the file."""
    for name, part in zip(slot.parts, parts, strict=True):
        for suffix in suffixes:
            if suffix not in part:
                raise Crash(f"looks for {name}{suffix}, which is not there", CONVERT)
