"""fp16 and bf16: two bytes a weight, what every other method is measured against."""

from typing import Any

from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import walk
from coldforge.quantize.methods.method import choose


class Half:
    """Store everything in one 16-bit type."""

    calibrated = False

    def __init__(self, name: str, kind: str) -> None:
        """Be fp16 or bf16; `kind` is torch's name of the type."""
        self.name, self.kind = name, kind
        self.summary = f"{kind}, no quantisation: the plain baseline"

    def settings(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Take no flag; raise ColdforgeError for any."""
        return choose(self.name, asked, {})

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError where float16 overflows."""

        def nothing(block: Block) -> dict[str, Stored]:
            return {}

        return walk(request, nothing, None, self.kind)
