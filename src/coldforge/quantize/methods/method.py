"""What a quantisation method is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.families.blocks import linear_inputs
from coldforge.quantize.blockwise.request import Request, Result

HALF, WEIGHTS, BOTH = "16 bits", "weights rounded", "weights and inputs rounded"
"""Kinds of variants: what a survey's chart tells apart."""


@dataclass(frozen=True)
class Variant:
    """A method with some of its settings, as a survey or a sweep compares it with others."""

    name: str
    method: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    """Settings; others take the method's default."""
    prune: str = ""
    kind: str = WEIGHTS


class Method(Protocol):
    """A way to store a model's linear weights in fewer bits.

    A module or package of coldforge.quantize.methods provides one as METHOD, and it is known:

        @dataclass(frozen=True)
        class Settings:
            bits: int = setting(4, "Width of a weight", choices=(8, 4))

        class Nearest:
            name = "nearest"
            summary = "each weight to the nearest code"
            calibrated = False
            settings = Settings
            variants = (Variant("nearest-4", "nearest", {"bits": 4}),)

            def quantise(self, request: Request) -> Result:
                bits = request.settings["bits"]

                def one(block: Block, layer: str) -> Stored:
                    return Stored(nearest(block.weight(layer), bits))

                return quantise_blocks(request, each_layer(one), find_format("gptq"))

        METHOD = Nearest()
    """

    @property
    def name(self) -> str:
        """The name that users write."""

    @property
    def summary(self) -> str:
        """What it does and which files it writes, in a line."""

    @property
    def calibrated(self) -> bool:
        """Whether it observes activations on calibration data."""

    @property
    def settings(self) -> type:
        """A frozen dataclass whose fields are declared by `setting`; may be `NoSettings`.

        Its `__post_init__` may raise ColdforgeError for values that exclude each other. The values
        decide the bytes, with the model, the calibration and the seed.
        """

    @property
    def variants(self) -> tuple[Variant, ...]:
        """What a survey makes of it."""

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if it cannot."""


@dataclass(frozen=True)
class NoSettings:
    """The settings of a method that has none."""


def check_groups(checkpoint: Checkpoint, group_size: int) -> None:
    """Raise ColdforgeError naming the first linear layer the group size does not divide."""
    if group_size != -1 and group_size < 1:
        raise ColdforgeError(
            f"{group_size} is not a group size", "choose 128, 64, 32, or -1 for a whole row"
        )
    for name, width in linear_inputs(checkpoint).items():
        if group_size != -1 and width % group_size:
            raise ColdforgeError(
                f"group size {group_size} does not divide the {width} inputs of {name}",
                "choose a divisor of it, such as 64 or 32, or -1 for whole rows",
            )
