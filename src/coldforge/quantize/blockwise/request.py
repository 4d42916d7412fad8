"""The request to a method, and its result."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.quantize.calibration.calibration import Calibration


@dataclass(frozen=True)
class Request:
    """What to quantise, how, and where to."""

    checkpoint: Checkpoint
    calibration: Calibration | None
    """None for methods without calibration."""
    out: Path
    """The folder of the checkpoint; may hold finished blocks of a killed run."""
    settings: dict[str, Any]
    """The method's settings by name, defaults filled in."""
    seed: int = 0
    device: str = "cpu"
    dtype: str = "float32"
    """Of the forward passes; weights are always quantised in float32 or better."""
    blocks: range | None = None
    """Blocks to quantise; None for all. Others are copied."""
    prune: str = ""
    """Weights set to zero first: "2:4" or a fraction such as "0.5"; empty for none."""


@dataclass(frozen=True)
class LayerReport:
    """How one linear layer was quantised, and its error."""

    layer: str
    bits: int
    """16 where it was left as it is."""
    group_size: int
    """Inputs that share a scale; -1 for one scale per row."""
    error: float | None
    """Relative squared error of the layer's output over the calibration inputs; None without."""


@dataclass(frozen=True)
class Result:
    """What a method reports."""

    layers: list[LayerReport]
    dtype: str
    """Of what is not quantised."""
    quantization: dict[str, Any]
    """The config's quantization_config; empty for a plain model."""
    extra: dict[str, Any] = field(default_factory=dict)
    """More for the card: a sensitivity table, a training curve."""
