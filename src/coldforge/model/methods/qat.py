"""Quantisation-aware training: the model learns to live with its rounded weights."""

from dataclasses import replace
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.finetune.start import begin
from coldforge.model.finetune.train import train
from coldforge.model.formats.catalogue import find_format
from coldforge.model.methods.method import Request, Result, check_groups, choose
from coldforge.model.methods.rtn import BITS
from coldforge.model.walk.block import Block, Stored
from coldforge.model.walk.walk import each_layer, walk


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
