"""Quantisation-aware training: the weights are trained as they are rounded."""

from dataclasses import dataclass, replace
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.formats.registry import find_format
from coldforge.files.output import WORK
from coldforge.model.loading.reading import Reader
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.outside_blocks import write_configs
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import each_layer, quantise_blocks
from coldforge.quantize.methods.gptq import GptqQuantiser
from coldforge.quantize.methods.method import Variant, check_groups
from coldforge.quantize.methods.qat.train import train
from coldforge.quantize.methods.rtn import RoundingSettings
from coldforge.quantize.settings import setting
from coldforge.quantize.solver.gptq import GptqConfig


@dataclass(frozen=True)
class QatSettings(RoundingSettings):
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
    settings = QatSettings
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


def gptq_start(request: Request) -> dict[str, Quantized]:
    """Quantise by GPTQ unless an earlier run did; return the layers by name."""
    from coldforge.model.tokens import copy_files

    folder = request.out / WORK / "start"
    folder.mkdir(parents=True, exist_ok=True)
    settings = {name: request.settings[name] for name in ("bits", "group_size", "sym")}
    # The config is written last: where it exists, the rest is complete.
    if not (folder / "config.json").is_file():
        solving = GptqQuantiser(lambda layer: GptqConfig(**settings))
        plain = replace(request, out=folder, settings=settings)
        result = quantise_blocks(plain, solving, find_format("gptq"))
        copy_files(request.checkpoint.folder, folder)
        write_configs(request.checkpoint, folder, result)
    made = read_checkpoint(folder)
    reader: Any = Reader(made)
    return {name: reader.layer(item) for name, item in made.linears.items() if item.format}
