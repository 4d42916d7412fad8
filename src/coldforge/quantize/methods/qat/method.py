"""Quantisation-aware training: the model learns to live with its rounded weights."""

from dataclasses import replace
from typing import Any

from coldforge.checkpoint.formats.registry import find_format
from coldforge.errors import ColdforgeError
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import each_layer, walk
from coldforge.quantize.methods.method import check_groups, choose
from coldforge.quantize.methods.qat.initial import begin
from coldforge.quantize.methods.qat.train import train
from coldforge.quantize.methods.rtn import BITS


class Qat:
    """Distil the original into its rounded twin, from where GPTQ left it, on GPTQ's grids.

    Every step computes with the very weights that would be stored. The model is in memory twice,
    with Adam's means and the gradients of some windows: about 40 bytes a weight under training.
    """

    name = "qat"
    summary = "quantisation-aware training from GPTQ's solution; AutoGPTQ v1 files"
    calibrated = True

    def settings(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Fill in defaults; raise ColdforgeError for what is not for this method."""
        defaults = {"bits": 4, "group_size": 128, "sym": True, "steps": 100}
        found = choose(self.name, asked, defaults, bits=BITS)
        if found["steps"] < 1:
            raise ColdforgeError("qat learns nothing in no steps", "write --steps 100")
        return found

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if the groups do not divide."""
        check_groups(request.checkpoint, request.settings["group_size"])
        trained = train(request, begin(request))

        def one(block: Block, layer: str) -> Stored:
            found = trained.latents.get(block.full(layer))
            return Stored(found.rounded() if found else None)

        plain = replace(request, calibration=None, prune="")
        result = walk(plain, each_layer(one), find_format("gptq"))
        return replace(result, extra={"training": {"kl": trained.losses}})
