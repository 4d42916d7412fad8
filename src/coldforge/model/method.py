"""What a quantisation method is: one module a method, listed in methods.py."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from coldforge.errors import ColdforgeError
from coldforge.model.calibrate import Calibration
from coldforge.model.checkpoint import Checkpoint


@dataclass(frozen=True)
class Request:
    """What to quantise and how."""

    checkpoint: Checkpoint
    calibration: Calibration
    out: Path
    """An empty folder to fill with a checkpoint others load."""
    bits: int = 4
    group_size: int = 128
    """Weights that share a scale and a zero point; -1 for a whole row."""
    seed: int = 0
    begin: Callable[[int], None] = lambda count: None
    """Told how many units of work there are."""
    advance: Callable[[int], None] = lambda count: None
    """Told of each unit done."""


@dataclass(frozen=True)
class LayerError:
    """What quantising one linear layer cost, as the library counts it."""

    layer: str
    error: float | None


@dataclass(frozen=True)
class Result:
    """What a method did besides filling the folder."""

    settings: dict[str, object]
    """Its own parameters beyond the request's."""
    layers: list[LayerError] = field(default_factory=list)


class Method(Protocol):
    """A way to store a model's linear weights in fewer bits."""

    name: str
    summary: str
    bits: tuple[int, ...]
    """Widths it can store."""

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if it cannot."""


def check_groups(checkpoint: Checkpoint, group_size: int) -> None:
    """Raise ColdforgeError naming the first linear layer the group size does not divide."""
    if group_size != -1 and group_size < 1:
        raise ColdforgeError(f"no group size of {group_size}", "choose 128, 64, 32, or -1 for rows")
    for name, width in checkpoint.linear_inputs().items():
        if group_size != -1 and width % group_size:
            raise ColdforgeError(
                f"group size {group_size} does not divide the {width} inputs of {name}",
                "choose a divisor of it, such as 64 or 32, or -1 for whole rows",
            )
