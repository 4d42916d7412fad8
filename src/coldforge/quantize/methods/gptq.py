"""GPTQ: each column's rounding error is compensated in the columns not yet rounded."""

from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.registry import find_format
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import quantise_blocks
from coldforge.quantize.methods.method import Variant, check_groups
from coldforge.quantize.methods.rtn import BITS, RoundingSettings
from coldforge.quantize.settings import setting
from coldforge.quantize.solver.gptq import GptqConfig, solve
from coldforge.quantize.solver.hessian import Hessian


@dataclass(frozen=True)
class GptqSettings(RoundingSettings):
    """How a weight is stored, and in which order it is rounded."""

    act_order: bool = setting(False, "Most important inputs first, groups unmoved (static)")


class Gptq:
    """The method of Frantar et al. 2022, block by block, on outputs of the blocks quantised before.

    Act-order is applied with static groups, the only form that TensorRT-LLM decodes.
    """

    name = "gptq"
    summary = "GPTQ: error spread by the inverse Hessian; AutoGPTQ v1 files"
    calibrated = True
    settings = GptqSettings
    variants = (
        *(Variant(f"gptq-{bits}", "gptq", {"bits": bits}) for bits in BITS),
        Variant("gptq-4-act-order", "gptq", {"bits": 4, "act_order": True}),
        Variant("gptq-4-asym", "gptq", {"bits": 4, "sym": False}),
        Variant("gptq-4-pruned", "gptq", {"bits": 4}, prune="2:4"),
    )

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if the groups do not divide."""
        check_groups(request.checkpoint, request.settings["group_size"])
        how = GptqConfig(**request.settings)
        return quantise_blocks(request, GptqQuantiser(lambda layer: how), find_format("gptq"))


METHOD = Gptq()


class GptqQuantiser:
    """Quantises a block's layers in the order of computation."""

    def __init__(self, how: "Any") -> None:  # noqa: ANN401 - Callable[[str], GptqConfig | None]
        """Take a function from a layer's full name to its config; None leaves it as it is."""
        self.how = how

    def __call__(self, block: Block) -> dict[str, Stored]:
        """Quantise every layer of the block."""
        done = {}
        for stage in block.stages:
            assert block.feed is not None  # noqa: S101 - a calibrated method
            if all(self.how(block.full(layer)) is None for layer in stage.layers):
                continue
            hessian = block.feed.hessian(stage)
            for layer in stage.layers:
                how = self.how(block.full(layer))
                done[layer] = solve_layer(block, layer, hessian, how) if how else Stored(None)
        return done


def solve_layer(block: Block, layer: str, hessian: Hessian, how: GptqConfig) -> Stored:
    """Quantise one layer and set the result in the block."""
    weight = block.weight(layer)
    item = solve(weight, hessian, how, block.workers, block.masks.get(layer))
    decoded = item.weight()
    block.put(layer, decoded)
    error, size = hessian.error(weight, decoded, block.workers)
    return Stored(item, error / size if size else 0.0)
