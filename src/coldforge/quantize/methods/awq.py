"""AWQ: weights of large inputs are rounded on a finer grid."""

from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.registry import find_format
from coldforge.model.families.family import Stage
from coldforge.quantize.blockwise.block import Block, Stored, fold, foldable, storable
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import quantise_blocks
from coldforge.quantize.methods.method import Variant, check_groups
from coldforge.quantize.settings import grouped, setting, symmetric
from coldforge.quantize.solver.grid import quantise_clipped, round_to_nearest
from coldforge.quantize.solver.hessian import Hessian
from coldforge.quantize.solver.smoothquant import awq_scales

BITS = 4
"""The only width of AutoAWQ's files."""
ALPHAS = tuple(step / 20 for step in range(20))
SAMPLE = 1024
"""Output rows of a layer, evenly spaced, on which its scales are chosen."""


@dataclass(frozen=True)
class AwqSettings:
    """What AutoAWQ's files can hold."""

    bits: int = setting(BITS, "Width of a weight", choices=(BITS,))
    group_size: int = grouped()
    sym: bool = symmetric(default=False, choices=(False,))


class Awq:
    """The method of Lin et al. 2023: scales and ranges searched for the least output error.

    The paper measures the error by running the layer; here the Hessian gives the same sum over
    all calibration tokens.
    """

    name = "awq"
    summary = "AWQ: inputs scaled by their size, ranges searched; AutoAWQ gemm files"
    calibrated = True
    settings = AwqSettings
    variants = (Variant("awq-4", "awq", {"bits": BITS}),)

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`; raise ColdforgeError if the groups do not divide."""
        size = request.settings["group_size"]
        check_groups(request.checkpoint, size)
        return quantise_blocks(request, lambda block: _quantise(block, size), find_format("awq"))


METHOD = Awq()


def _quantise(block: Block, size: int) -> dict[str, Stored]:
    """Scale and quantise each stage, the last one first.

    So the layer that produces a stage's input is scaled before it is quantised itself.
    """
    done = {}
    for stage in reversed(block.stages):
        hessian, magnitude = _statistics(block, stage)
        if foldable(block, stage):
            scales = _best_scales(block, stage, hessian, magnitude, size)
            fold(block, stage, scales)
            hessian.sum /= scales.double()[:, None] * scales.double()
        for layer in stage.layers:
            weight = block.weight(layer)
            item = quantise_clipped(weight, hessian, BITS, size, block.workers)
            decoded = item.weight()
            block.put(layer, decoded)
            error, energy = hessian.error(weight, decoded, block.workers)
            done[layer] = Stored(item, error / energy if energy else 0.0)
    return done


def _statistics(block: Block, stage: Stage) -> tuple[Hessian, Any]:
    """Return the Hessian of what enters a stage, and each input's mean magnitude (in_features,)."""
    assert block.feed is not None  # noqa: S101 - a calibrated method
    hessian: Hessian | None = None
    total: Any = 0
    for rows in block.feed.chunks(stage):
        hessian = hessian or Hessian(rows.shape[1], rows.device)
        hessian.add(rows, block.workers)
        total = total + rows.abs().double().sum(0)
    assert hessian is not None  # noqa: S101 - there is a window at least
    return hessian, total / hessian.tokens


def _best_scales(block: Block, stage: Stage, hessian: Hessian, magnitude: Any, size: int) -> Any:  # noqa: ANN401
    """Return the scales (in_features,) with the least output error of all layers of a stage."""
    full = hessian.full().float()
    weights = [block.weight(layer) for layer in stage.layers]
    weights = [weight[:: -(-len(weight) // SAMPLE)] for weight in weights]
    trials = [storable(block, stage, awq_scales(magnitude, alpha)) for alpha in ALPHAS]

    def loss(scales: Any) -> float:  # noqa: ANN401 - a tensor
        lost = [
            round_to_nearest(item * scales, BITS, size, False) / scales - item for item in weights
        ]
        return sum(float(((item @ full) * item).double().sum()) for item in lost)

    losses = block.workers.map(loss, trials)
    return trials[losses.index(min(losses))]
