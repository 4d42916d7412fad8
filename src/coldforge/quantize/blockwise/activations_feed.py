"""The activations of a block: inputs of its linear layers, their Hessians, its outputs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from coldforge.model.deterministic import Workers
from coldforge.model.families.family import Stage
from coldforge.quantize.blockwise.activation_file import Activations
from coldforge.quantize.blockwise.skeleton import Skeleton, StoppedForward
from coldforge.quantize.solver.hessian import Hessian

CHUNK = 8
"""Windows whose inputs are in memory together; fixed, because it decides the summation."""


class Feed:
    """Runs the calibration windows through the current block."""

    def __init__(self, skeleton: Skeleton, inputs: Activations, workers: Workers) -> None:
        """Take the inputs of the block."""
        self.skeleton, self.inputs, self.workers = skeleton, inputs, workers
        skeleton.options(inputs.length)  # computed now: threads only look them up

    def hessian(self, stage: Stage) -> Hessian:
        """Sum X^T X over all inputs X of a stage, with the block's current weights."""
        found: Hessian | None = None
        for rows in self.chunks(stage):
            found = found or Hessian(rows.shape[1], rows.device)
            found.add(rows, self.workers)
        assert found is not None  # noqa: S101 - there is a window at least
        return found

    def norms(self, stage: Stage) -> Any:  # noqa: ANN401 - a tensor
        """Return the norm over all tokens of each of a stage's inputs, float32 (in_features,)."""
        squares: Any = 0
        for rows in self.chunks(stage):
            squares = squares + rows.double().square().sum(0)
        return squares.sqrt().float()

    def chunks(self, stage: Stage) -> Iterator[Any]:
        """Yield a stage's inputs, (tokens, in_features) float32, CHUNK windows each.

        The block runs with its current weights: stages before are quantised, others are not.
        """
        import torch

        module = self.skeleton.block.get_submodule(stage.layers[0])
        for at in range(0, self.inputs.count, CHUNK):
            indices = range(at, min(at + CHUNK, self.inputs.count))
            with _catching(module):
                found = self.workers.map(self._until_caught, indices)
            yield torch.cat([item.flatten(0, 1).float() for item in found])

    def run(self, to: Callable[[int, Any], None]) -> None:
        """Run every window through the block; pass number and output to `to`."""
        self.workers.map(lambda index: to(index, self._forward(index)), range(self.inputs.count))

    def outputs(self, indices: range) -> list[Any]:
        """Return the block's outputs for some windows, (1, tokens, width) each."""
        return self.workers.map(self._forward, indices)

    def _until_caught(self, index: int) -> Any:  # noqa: ANN401 - a tensor
        try:
            self._forward(index)
        except StoppedForward as caught:
            return caught.arguments[0]
        raise AssertionError("the stage was not reached")

    def _forward(self, index: int) -> Any:  # noqa: ANN401 - a tensor
        return self.skeleton.forward(self.inputs.read(index))


@contextmanager
def _catching(module: Any) -> Iterator[None]:  # noqa: ANN401 - a torch module
    """Let the module end forward passes with its arguments, within the context."""

    def out(_: object, args: tuple[Any, ...]) -> None:
        raise StoppedForward(args, {})

    hook = module.register_forward_pre_hook(out)
    try:
        yield
    finally:
        hook.remove()
