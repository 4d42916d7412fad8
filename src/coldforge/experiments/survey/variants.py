"""The ways of storing a model that a survey compares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from coldforge.errors import UnknownNameError

HALF, WEIGHTS, BOTH = "16 bits", "weights rounded", "weights and inputs rounded"


@dataclass(frozen=True)
class Way:
    """A method with its settings; what is not asked for takes the method's default."""

    name: str
    method: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    prune: str = ""
    kind: str = WEIGHTS


# Mixed takes the bytes of four bits throughout unless told otherwise.
WAYS = (
    Way("fp16", "fp16", kind=HALF),
    Way("bf16", "bf16", kind=HALF),
    Way("gptq-8", "gptq", {"bits": 8}),
    Way("gptq-4", "gptq", {"bits": 4}),
    Way("gptq-3", "gptq", {"bits": 3}),
    Way("gptq-4-act-order", "gptq", {"bits": 4, "act_order": True}),
    Way("gptq-4-asym", "gptq", {"bits": 4, "sym": False}),
    Way("gptq-4-pruned", "gptq", {"bits": 4}, prune="2:4"),
    Way("rtn-8", "rtn", {"bits": 8}),
    Way("rtn-4", "rtn", {"bits": 4}),
    Way("rtn-3", "rtn", {"bits": 3}),
    Way("awq-4", "awq", {"bits": 4}),
    Way("mixed", "mixed"),
    Way("qat-4", "qat", {"bits": 4}),
    Way("w8a8-dynamic", "w8a8", {"activations": "dynamic"}, kind=BOTH),
    Way("w8a8-static", "w8a8", {"activations": "static"}, kind=BOTH),
    Way("dynamic-int8", "dynamic-int8", kind=BOTH),
    Way("binary", "binary"),
)


def choose_ways(text: str) -> list[Way]:
    """Take the ways named, or of a method named; all of none.

    Names are separated by commas. Raise UnknownNameError listing them for one that is neither.
    """
    asked = {name.strip() for name in text.split(",")} - {""}
    known = {item.name for item in WAYS} | {item.method for item in WAYS}
    for name in sorted(asked - known):
        raise UnknownNameError("way", name, [item.name for item in WAYS])
    return [item for item in WAYS if not asked or {item.name, item.method} & asked]
