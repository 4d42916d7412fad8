"""Round to nearest: the baseline that needs no calibration."""

from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.formats.registry import find_format
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import each_layer, quantise_blocks
from coldforge.quantize.methods.method import Variant, check_groups
from coldforge.quantize.settings import grouped, setting, symmetric
from coldforge.quantize.solver.grid import minmax

BITS = (8, 4, 3)
"""Widths that AutoGPTQ's files hold and its kernels read."""


@dataclass(frozen=True)
class RoundingSettings:
    """How AutoGPTQ's files hold a weight."""

    bits: int = setting(4, "Width of a weight", choices=BITS)
    group_size: int = grouped()
    sym: bool = symmetric()


class Rtn:
    """Each weight to the nearest point of its group's grid over the full range."""

    name = "rtn"
    summary = "round to nearest, weights alone; AutoGPTQ v1 files"
    calibrated = False
    settings = RoundingSettings
    variants = tuple(Variant(f"rtn-{bits}", "rtn", {"bits": bits}) for bits in BITS)

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if the groups do not divide."""
        how = request.settings
        check_groups(request.checkpoint, how["group_size"])

        def one(block: Block, layer: str) -> Stored:
            return Stored(nearest(block.weight(layer), **how))

        return quantise_blocks(request, each_layer(one), find_format("gptq"))


METHOD = Rtn()


def nearest(weight: Any, bits: int, group_size: int, sym: bool) -> Quantized:  # noqa: ANN401
    """Round a weight (out_features, in_features) to the nearest codes, by groups of inputs."""
    import torch

    rows, width = weight.shape
    size = width if group_size == -1 else group_size
    grid = minmax(weight.reshape(-1, size), bits, sym)
    codes = grid.codes(weight.reshape(-1, size)).reshape(rows, width)
    shape = (rows, width // size)
    return Quantized(
        bits,
        codes.T.to(torch.uint8).contiguous(),
        grid.scale.reshape(shape).T.contiguous(),
        grid.zero.reshape(shape).T.to(torch.int16).contiguous(),
    )
