"""What decides an engine's memory besides the model: lengths, parallelism, types."""

from collections.abc import Mapping
from dataclasses import dataclass

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.model.families.dimensions import Dimensions

BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}
"""Of one number, by dtype."""
INPUT, OUTPUT = 2048, 1024
"""Tokens of the longest prompt and answer, unless the model's positions or the user say less."""


@dataclass(frozen=True)
class MemorySettings:
    """Named as engine.build names them."""

    max_batch_size: int = 1
    max_input_len: int = 0
    """0: 2048, or two thirds of the model's positions where that is less."""
    max_output_len: int = 0
    """0: 1024, or one third of the model's positions."""
    tp: int = 1
    pp: int = 1
    dtype: str = "float16"
    """What the engine computes in, where its backend leaves a choice."""
    int8_kv_cache: bool = False
    context_fmha: bool = False
    """Whether attention over the prompt is one kernel. Release 0.5.0 asks for a flag for that."""
    activations: str = "float32"
    """float32, or int8 as in engine.build."""

    @property
    def element(self) -> int:
        """Bytes of a number of `dtype`."""
        return BYTES[self.dtype]

    @property
    def length(self) -> int:
        """Tokens of the longest sequence, prompt and answer."""
        return self.max_input_len + self.max_output_len

    def check(self, size: Dimensions) -> None:
        """Raise ColdforgeError for what no engine of this model can be built with."""
        _known("dtype", self.dtype, tuple(BYTES))
        _known("activations", self.activations, ("float32", "int8"))
        for name in ("max_batch_size", "max_input_len", "max_output_len", "tp", "pp"):
            if getattr(self, name) < 1:
                raise ColdforgeError(
                    f"{flag(name)} {getattr(self, name)} is less than 1", "give 1 or more"
                )
        if self.length > size.positions:
            raise ColdforgeError(
                f"{self.max_input_len} tokens in and {self.max_output_len} out are more than "
                f"the model's {size.positions} positions",
                "give a smaller --max-input-len or --max-output-len",
            )

    def refuse(self, lacks: Mapping[str, str], backend: str) -> None:
        """Raise ColdforgeError if a setting that a backend `lacks` is not left at its default."""
        for name, why in lacks.items():
            if getattr(self, name, None) != getattr(type(self), name, None):
                raise ColdforgeError(
                    f"an engine of {backend} has no {flag(name)}: {why}",
                    "leave it out, or choose another --backend",
                )


def lengths(size: Dimensions, asked_in: int, asked_out: int) -> tuple[int, int]:
    """Fill in default lengths in and out for 0, by the model's positions."""
    room = size.positions - asked_out if asked_out else size.positions * 2 // 3
    tokens = asked_in or min(INPUT, max(room, 1))
    return tokens, asked_out or min(OUTPUT, max(size.positions - tokens, 1))


def flag(name: str) -> str:
    """Spell a setting as the user does."""
    return f"--{name.replace('_', '-')}"


def _known(kind: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UnknownNameError(kind, value, list(known))
