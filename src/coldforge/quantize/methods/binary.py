"""One bit a weight: its sign, times the mean magnitude of its group. A lower bound."""

from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.formats.registry import find_format
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import each_layer, quantise_blocks
from coldforge.quantize.methods.method import Variant, check_groups
from coldforge.quantize.settings import grouped


@dataclass(frozen=True)
class BinarySettings:
    """The settings of binary weights."""

    group_size: int = grouped()


class Binary:
    """The weights of XNOR-Net (Rastegari et al. 2016, section 3.1), a scale for each group."""

    name = "binary"
    summary = "sign times scale, one bit a weight: what too few bits cost; own format"
    calibrated = False
    settings = BinarySettings
    variants = (Variant("binary", "binary"),)

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if the groups do not divide."""
        size = request.settings["group_size"]
        check_groups(request.checkpoint, size)

        def one(block: Block, layer: str) -> Stored:
            return Stored(signs(block.weight(layer), size))

        return quantise_blocks(request, each_layer(one), find_format("coldforge-binary"))


METHOD = Binary()


def signs(weight: Any, group_size: int) -> Quantized:  # noqa: ANN401 - a tensor
    """Reduce a weight (out_features, in_features) to signs; zero counts as positive.

    The mean magnitude of a group is the scale of least squared error.
    """
    import torch

    rows, width = weight.shape
    size = width if group_size == -1 else group_size
    scales = weight.abs().reshape(rows, width // size, size).double().mean(2).half()
    return Quantized(
        1,
        ((weight >= 0).T.to(torch.uint8) * 2).contiguous(),
        scales.T.contiguous(),
        torch.ones((width // size, rows), dtype=torch.int16),
    )
