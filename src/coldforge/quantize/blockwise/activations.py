"""The activations of a block: its inputs on disk, those of its linear layers, its outputs."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.deterministic import Workers
from coldforge.model.families.family import Stage
from coldforge.quantize.blockwise.skeleton import Skeleton, StoppedForward
from coldforge.quantize.solver.hessian import Hessian

CHUNK = 8
"""Windows whose inputs are in memory together; fixed, because it decides the summation."""


class Activations:
    """Hidden states of all windows in one file of float32, read and written window by window.

    Plain reads and writes: mapped pages would count as this process's memory.
    """

    def __init__(self, path: Path, count: int, length: int, width: int) -> None:
        """Open `count` windows of (1, length, width) at `path`."""
        self.path, self.count, self.length, self.width = path, count, length, width
        self._size = 4 * length * width
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def read(self, index: int) -> Any:  # noqa: ANN401 - a tensor
        """Read one window's hidden states, (1, length, width) float32."""
        import torch

        raw = bytearray(os.pread(self._file, self._size, index * self._size))
        if len(raw) != self._size:
            raise ColdforgeError(
                f"{self.path.name} is truncated", "remove the folder and run again"
            )
        return torch.frombuffer(raw, dtype=torch.float32).view(1, self.length, self.width)

    def write(self, index: int, hidden: Any) -> None:  # noqa: ANN401 - a tensor
        """Write one window's hidden states; threads may write different windows at once."""
        raw = memoryview(hidden.detach().to("cpu").float().contiguous().numpy()).cast("B")
        at = index * self._size
        while raw:
            done = os.pwrite(self._file, raw, at)
            raw, at = raw[done:], at + done

    def close(self) -> None:
        """Sync and close the file."""
        os.fsync(self._file)
        os.close(self._file)


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
