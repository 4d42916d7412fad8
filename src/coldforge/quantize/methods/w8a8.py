"""W8A8: int8 weights and activations, after SmoothQuant."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from coldforge.checkpoint.formats.registry import find_format
from coldforge.model.families.family import Stage
from coldforge.quantize.blockwise.block import Block, Stored, fold, foldable, storable
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.blockwise.run import quantise_blocks
from coldforge.quantize.methods.method import BOTH, Variant
from coldforge.quantize.settings import setting
from coldforge.quantize.solver.gptq import GptqConfig, solve
from coldforge.quantize.solver.hessian import Hessian
from coldforge.quantize.solver.smoothquant import (
    Trial,
    input_losses,
    rounded,
    smoothquant_scales,
    step_of,
    weight_losses,
)

PER_ROW = GptqConfig(bits=8, group_size=-1)
"""Symmetric, a scale for each output: the form that int8 matrix kernels take."""
ALPHAS = tuple(step / 10 for step in range(11))
SHARES = tuple(1 - step / 20 for step in range(11))
"""Shares of the largest activation tried as the bound of a static range; the rest is clipped."""


@dataclass(frozen=True)
class W8a8Settings:
    """How activations are rounded and smoothed."""

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

    Besides norms, as in the paper, value projections and the up projection absorb scales. Unless
    the user names an alpha, each stage takes the one of least output error.
    """

    name = "w8a8"
    summary = "SmoothQuant: int8 weights and activations; compressed-tensors files"
    calibrated = True
    settings = W8a8Settings
    variants = tuple(
        Variant(f"w8a8-{how}", "w8a8", {"activations": how}, kind=BOTH)
        for how in ("dynamic", "static")
    )

    def quantise(self, request: Request) -> Result:
        """Fill `request.out`."""
        return quantise_blocks(request, _Smoothing(**request.settings), find_format(self.name))


METHOD = W8a8()


class _Smoothing:
    """Smooths and quantises a block, whose linear inputs are rounded from then on."""

    def __init__(self, activations: str, alpha: float | None) -> None:
        """Round activations statically or dynamically."""
        self.static, self.alpha = activations == "static", alpha

    def __call__(self, block: Block) -> dict[str, Stored]:
        """Quantise a block's stages, the last one first.

        So the layer that produces a stage's input is smoothed before it is quantised itself.
        """
        done: dict[str, Stored] = {}
        for stage in reversed(block.stages):
            trial = self._best(block, stage)
            if foldable(block, stage):
                fold(block, stage, trial.scales)
            done |= _solve_stage(block, stage, trial.step)
        return done

    def _best(self, block: Block, stage: Stage) -> Trial:
        """Return the trial of least output error of all layers of a stage."""
        largest, squares = _statistics(block, stage)
        weights = [block.weight(layer) for layer in stage.layers]
        energy = sum(weight.double().square().sum(0) for weight in weights)
        trials = [
            Trial(scales, step_of(largest / scales) if self.static else None)
            for scales in self._scales(block, stage, largest, weights)
        ]
        best = trials[0]
        if len(trials) > 1:
            losses = weight_losses(weights, squares, trials, block.workers)
            best = _best_trial(block, stage, trials, energy, losses)
        if self.static:
            peaks = largest / best.scales
            trials = [Trial(best.scales, step_of(peaks, share)) for share in SHARES]
            best = _best_trial(block, stage, trials, energy, 0)
        return best

    def _scales(self, block: Block, stage: Stage, largest: Any, weights: list[Any]) -> list[Any]:  # noqa: ANN401
        """List the scales (in_features,) to try; without an alpha, ones are among them."""
        import torch

        plain = torch.ones_like(largest)
        if not foldable(block, stage):
            return [plain]
        peaks = torch.stack([weight.abs().amax(0) for weight in weights]).amax(0)
        alphas = ALPHAS if self.alpha is None else (self.alpha,)
        found = [
            storable(block, stage, smoothquant_scales(largest, peaks, alpha)) for alpha in alphas
        ]
        return [plain, *found] if self.alpha is None else found


def _best_trial(block: Block, stage: Stage, trials: list[Trial], energy: Any, losses: Any) -> Trial:  # noqa: ANN401
    """Add the output error of rounding a stage's inputs to `losses` (trials,); return the best."""
    for rows in _chunks(block, stage):
        losses = losses + input_losses(rows, energy, trials, block.workers)
    return trials[int(losses.argmin())]


def _solve_stage(block: Block, stage: Stage, step: Any) -> dict[str, Stored]:  # noqa: ANN401 - a tensor
    """Quantise a stage's layers for inputs that are smoothed and rounded by `step`."""
    hessian, noise = _rounding(block, stage, step)
    done = {}
    for layer in stage.layers:
        weight = block.weight(layer)
        item = solve(weight, hessian, PER_ROW, block.workers, block.masks.get(layer))
        decoded = item.weight()
        block.put(layer, decoded)
        block.skeleton.watch(layer, step)
        lost, energy = hessian.error(weight, decoded, block.workers)
        lost += float((decoded.double().square() * noise).sum())
        item = replace(item, input_scale=None if step is None else step.clone())
        done[layer] = Stored(item, lost / energy if energy else 0.0)
    return done


def _statistics(block: Block, stage: Stage) -> tuple[Any, Any]:
    """Return the largest magnitude and the sum of squares of each input, both (in_features,)."""
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
