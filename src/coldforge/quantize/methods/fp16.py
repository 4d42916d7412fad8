"""fp16: two bytes a weight, the baseline of every other method."""

from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import quantise_blocks
from coldforge.quantize.methods.method import HALF, NoSettings, Variant


class Half:
    """Store everything in one 16-bit type."""

    calibrated = False
    settings = NoSettings

    def __init__(self, name: str, dtype: str) -> None:
        """Store as `dtype`, torch's name of the type."""
        self.name, self.dtype = name, dtype
        self.summary = f"{dtype}, not quantised: the plain baseline"
        self.variants = (Variant(name, name, kind=HALF),)

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError where float16 overflows."""

        def nothing(block: Block) -> dict[str, Stored]:
            return {}

        return quantise_blocks(request, nothing, None, self.dtype)


METHOD = Half("fp16", "float16")
