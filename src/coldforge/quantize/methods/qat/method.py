"""Quantisation-aware training: the weights are trained as they are rounded."""

from dataclasses import dataclass, replace

from coldforge.checkpoint.formats.registry import find_format
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import each_layer, quantise_blocks
from coldforge.quantize.methods.method import Variant, check_groups
from coldforge.quantize.methods.qat.initial import gptq_start
from coldforge.quantize.methods.qat.train import train
from coldforge.quantize.methods.rtn import Rounding
from coldforge.quantize.settings import setting


@dataclass(frozen=True)
class Settings(Rounding):
    """How a weight is stored, and how long it is trained."""

    steps: int = setting(
        100, "Training steps", valid=lambda steps: steps > 0, hint="choose 1 or more, such as 100"
    )


class Qat:
    """Distil the original into a model of rounded weights, starting from GPTQ's result and grids.

    Every step computes with the weights that would be stored. The model is in memory twice,
    with Adam's moments and the gradients of some windows: about 40 bytes a trained weight.
    """

    name = "qat"
    summary = "quantisation-aware training from GPTQ's solution; AutoGPTQ v1 files"
    calibrated = True
    settings = Settings
    variants = (Variant("qat-4", "qat", {"bits": 4}),)

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if the groups do not divide."""
        check_groups(request.checkpoint, request.settings["group_size"])
        trained = train(request, gptq_start(request))

        def one(block: Block, layer: str) -> Stored:
            found = trained.weights.get(block.full(layer))
            return Stored(found.rounded() if found else None)

        plain = replace(request, calibration=None, prune="")
        result = quantise_blocks(plain, each_layer(one), find_format("gptq"))
        return replace(result, extra={"training": {"kl": trained.losses}})


METHOD = Qat()
