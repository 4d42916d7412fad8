"""What a quantisation method is: one module a method, listed in catalogue.py."""

from typing import Any, Protocol

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.families.blocks import linear_inputs
from coldforge.quantize.blockwise.request import Request, Result


class Method(Protocol):
    """A way to store a model's linear weights in fewer bits."""

    name: str
    summary: str
    calibrated: bool
    """Whether it looks at calibration data."""

    def settings(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Fill in defaults for what the user left out; raise ColdforgeError for what is not for it.

        `asked` holds only what the user gave, by flag name: bits, group_size, sym, act_order …
        The result decides the bytes, with the model, the calibration and the seed.
        """

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if it cannot."""


def check_groups(checkpoint: Checkpoint, group_size: int) -> None:
    """Raise ColdforgeError naming the first linear layer the group size does not divide."""
    if group_size != -1 and group_size < 1:
        raise ColdforgeError(f"no group size of {group_size}", "choose 128, 64, 32, or -1 for rows")
    for name, width in linear_inputs(checkpoint).items():
        if group_size != -1 and width % group_size:
            raise ColdforgeError(
                f"group size {group_size} does not divide the {width} inputs of {name}",
                "choose a divisor of it, such as 64 or 32, or -1 for whole rows",
            )


def choose(
    method: str, asked: dict[str, Any], defaults: dict[str, Any], **limits: tuple[Any, ...]
) -> dict[str, Any]:
    """Merge what was asked over the defaults; raise ColdforgeError for a foreign or wrong value."""
    for name, value in asked.items():
        flag = f"--{name.replace('_', '-')}"
        if name not in defaults:
            known = ", ".join(f"--{item.replace('_', '-')}" for item in sorted(defaults)) or "none"
            raise ColdforgeError(f"{flag} is not for {method}", f"its own flags: {known}")
        if name in limits and value not in limits[name]:
            allowed = ", ".join(map(str, limits[name]))
            raise ColdforgeError(f"{method} does not take {flag} {value}", f"choose: {allowed}")
    return {**defaults, **asked}
