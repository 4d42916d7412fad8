"""W8A8: int8 weights and activations, their ranges evened out before by SmoothQuant."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from coldforge.checkpoint.formats.registry import find_format
from coldforge.model.families.architecture import Stage
from coldforge.quantize.blockwise.block import Block, Stored
from coldforge.quantize.blockwise.fold import fold, foldable, storable
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import walk
from coldforge.quantize.methods.method import BOTH, Variant
from coldforge.quantize.settings import setting
from coldforge.quantize.solver.gptq import Columns, solve
from coldforge.quantize.solver.hessian import Hessian
from coldforge.quantize.solver.smoothquant import smooth
from coldforge.quantize.solver.smoothquant_search import (
    Trial,
    input_losses,
    rounded,
    step_of,
    weight_losses,
)

WHOLE_ROWS = Columns(bits=8, group_size=-1)
"""Symmetric, a scale for each output: what int8 matrix kernels multiply."""
ALPHAS = tuple(step / 10 for step in range(11))
SHARES = tuple(1 - step / 20 for step in range(11))
"""Of the largest activation, tried as the end of a static range; what is beyond is clipped."""


@dataclass(frozen=True)
class Settings:
    """How activations are rounded, and how much of their range the weights take."""

    activations: str = setting(
        "dynamic",
        "Scale of activations, one a token or one from calibration",
        choices=("dynamic", "static"),
    )
    alpha: float | None = setting(
        None,
        "Share of the activations' range moved into the weights; else searched",
        valid=lambda alpha: 0 <= alpha <= 1,
        hint="choose from 0 to 1",
    )


class W8a8:
    """SmoothQuant (Xiao et al. 2022), weights rounded by GPTQ's solver.

    Beyond the paper's norms, values and the gated half of the feed-forward layer take the scales
    of what reads them. Unless the user names an alpha, each stage takes the one that loses least.
    """

    name = "w8a8"
    summary = "SmoothQuant: int8 weights and activations; compressed-tensors files"
    calibrated = True
    settings = Settings
    variants = tuple(
        Variant(f"w8a8-{how}", "w8a8", {"activations": how}, kind=BOTH)
        for how in ("dynamic", "static")
    )

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`."""
        return walk(request, _Smoothing(**request.settings), find_format(self.name))


METHOD = W8a8()


class _Smoothing:
    """Smooths and quantises a block; what leaves it has rounded inputs behind it."""

    def __init__(self, activations: str, alpha: float | None) -> None:
        """Round activations statically or dynamically."""
        self.static, self.alpha = activations == "static", alpha

    def __call__(self, block: Block) -> dict[str, Stored]:
        """Quantise a block's stages, the last one first.

        So what makes a stage's input is smoothed before it is quantised itself.
        """
        done: dict[str, Stored] = {}
        for stage in reversed(block.stages):
            trial = self._best(block, stage)
            if foldable(block, stage):
                fold(block, stage, trial.scales)
            done |= _solved(block, stage, trial.step)
        return done

    def _best(self, block: Block, stage: Stage) -> Trial:
        """Return how a stage's layers lose least, all together."""
        largest, squares = _seen(block, stage)
        weights = [block.weight(layer) for layer in stage.layers]
        energy = sum(weight.double().square().sum(0) for weight in weights)
        trials = [
            Trial(scales, step_of(largest / scales) if self.static else None)
            for scales in self._scales(block, stage, largest, weights)
        ]
        best = trials[0]
        if len(trials) > 1:
            losses = weight_losses(weights, squares, trials, block.workers)
            best = _least(block, stage, trials, energy, losses)
        if self.static:
            peaks = largest / best.scales
            trials = [Trial(best.scales, step_of(peaks, share)) for share in SHARES]
            best = _least(block, stage, trials, energy, 0)
        return best

    def _scales(self, block: Block, stage: Stage, largest: Any, weights: list[Any]) -> list[Any]:  # noqa: ANN401
        """List the scales (inputs,) to try; without an alpha, none at all is among them."""
        import torch

        plain = torch.ones_like(largest)
        if not foldable(block, stage):
            return [plain]
        peaks = torch.stack([weight.abs().amax(0) for weight in weights]).amax(0)
        alphas = ALPHAS if self.alpha is None else (self.alpha,)
        found = [storable(block, stage, smooth(largest, peaks, alpha)) for alpha in alphas]
        return [plain, *found] if self.alpha is None else found


def _least(block: Block, stage: Stage, trials: list[Trial], energy: Any, losses: Any) -> Trial:  # noqa: ANN401
    """Add what rounding a stage's inputs costs to `losses` (trials,); return the best trial."""
    for rows in _chunks(block, stage):
        losses = losses + input_losses(rows, energy, trials, block.workers)
    return trials[int(losses.argmin())]


def _solved(block: Block, stage: Stage, step: Any) -> dict[str, Stored]:  # noqa: ANN401 - a tensor
    """Quantise a stage's layers for the inputs they will get: smoothed and rounded by `step`."""
    hessian, noise = _rounding(block, stage, step)
    done = {}
    for layer in stage.layers:
        weight = block.weight(layer)
        item = solve(weight, hessian, WHOLE_ROWS, block.workers, block.masks.get(layer))
        decoded = item.weight()
        block.put(layer, decoded)
        block.spine.watch(layer, step)
        lost, whole = hessian.error(weight, decoded, block.workers)
        lost += float((decoded.double().square() * noise).sum())
        item = replace(item, input_scale=None if step is None else step.clone())
        done[layer] = Stored(item, lost / whole if whole else 0.0)
    return done


def _seen(block: Block, stage: Stage) -> tuple[Any, Any]:
    """Return the largest magnitude and the sum of squares of each input, (inputs,) both."""
    import torch

    peaks, squares = [], []
    for rows in _chunks(block, stage):
        peaks.append(rows.abs().amax(0))
        squares.append(rows.double().square().sum(0))
    return torch.stack(peaks).amax(0), torch.stack(squares).sum(0)


def _rounding(block: Block, stage: Stage, step: Any) -> tuple[Hessian, Any]:  # noqa: ANN401
    """Return the Hessian of a stage's rounded inputs, and the sum of squares of their errors."""
    hessian: Hessian | None = None
    noise: Any = 0
    for rows in _chunks(block, stage):
        hessian = hessian or Hessian(rows.shape[1], rows.device)
        inputs = rounded(rows, step)
        hessian.add(inputs, block.workers)
        noise = noise + (inputs - rows).double().square().sum(0)
    assert hessian is not None  # noqa: S101 - there is a window at least
    return hessian, noise


def _chunks(block: Block, stage: Stage) -> Iterator[Any]:
    assert block.feed is not None  # noqa: S101 - a calibrated method
    return block.feed.chunks(stage)
