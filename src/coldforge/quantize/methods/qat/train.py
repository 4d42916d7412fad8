"""Teacher and student, and the training loop: batches, learning rate, saved states."""

import copy
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.files.atomic import part_of, publish
from coldforge.files.output import WORK
from coldforge.model.deterministic import Workers, workers
from coldforge.model.families.registry import stores_transposed
from coldforge.model.loading.load import load_model
from coldforge.progress import say, step
from coldforge.quantize.blockwise.request import Request
from coldforge.quantize.methods.qat.fake_quant import PARTS, FakeQuantWeight

BATCH = 4
"""Windows in a batch."""
RATE, WARMUP = 0.005, 5
"""Adam's learning rate, in steps of a layer's grid; training steps until it is reached."""
SAVE_EVERY = 30.0
"""Seconds between saved states, from which a killed run continues."""


class TeacherStudent:
    """Two models in memory that share all parameters but those in training."""

    def __init__(self, request: Request, layers: Sequence[str]) -> None:
        """Load the model twice; `layers` are named as in the checkpoint."""
        import torch

        self.dtype, self.device = getattr(torch, request.dtype), request.device
        self.teacher = load_model(request.checkpoint).requires_grad_(False).to(self.device)
        # deepcopy shares what its memo already holds.
        shared: dict[int, Any] = {id(item): item for item in self.teacher.parameters()}
        self.student = copy.deepcopy(self.teacher, shared)
        self._transposed = stores_transposed(request.checkpoint.config)
        self._modules = {layer: self._module(layer) for layer in layers}

    def weight(self, layer: str) -> Any:  # noqa: ANN401 - a tensor
        """Return a copy of a layer's original weight, float32 (out_features, in_features)."""
        return self._across(self._modules[layer].weight.detach()).clone().contiguous()

    def put(self, weights: Mapping[str, Any]) -> None:
        """Set the student's weights, (out_features, in_features), as parameters to be trained."""
        import torch

        for layer, weight in weights.items():
            stored = self._across(weight).contiguous()
            self._modules[layer].weight = torch.nn.Parameter(stored)

    def gradients(self, windows: Sequence[Sequence[int]], pool: Workers) -> tuple[float, list[Any]]:
        """Return the mean divergence over windows, nats a token, and its gradient by layer.

        A thread computes a complete window, and gradients are summed window by window: the result
        does not depend on the number of threads.
        """
        found = pool.map(self._one, windows)
        total = [
            sum(each) / len(windows) for each in zip(*(grads for _, grads in found), strict=True)
        ]
        return sum(loss for loss, _ in found) / len(windows), total

    def _one(self, window: Sequence[int]) -> tuple[float, list[Any]]:
        import torch

        ids = torch.tensor([list(window)], device=self.device)
        narrow = self.dtype != torch.float32
        with torch.autocast(self.device, self.dtype, enabled=narrow):
            with torch.no_grad():
                target = self.teacher(ids, use_cache=False).logits[0].float().log_softmax(-1)
            with torch.enable_grad():
                found = self.student(ids, use_cache=False).logits[0].float().log_softmax(-1)
        with torch.enable_grad():
            loss = ((target - found) * target.exp()).sum() / len(window)
            weights = [module.weight for module in self._modules.values()]
            grads = torch.autograd.grad(loss, weights)
        return float(loss), [self._across(item) for item in grads]

    def _across(self, weight: Any) -> Any:  # noqa: ANN401 - tensors
        return weight.T if self._transposed else weight

    def _module(self, layer: str) -> Any:  # noqa: ANN401 - a torch module
        """Find a layer's module; some checkpoints omit the base model's prefix."""
        known = {name for name, _ in self.student.named_modules()}
        prefix = "" if layer in known else f"{self.student.base_model_prefix}."
        return self.student.get_submodule(prefix + layer)


@dataclass
class Trained:
    """Trained layers by name, and the divergence at each step."""

    weights: dict[str, FakeQuantWeight]
    losses: list[float]


def train(request: Request, start: Mapping[str, Quantized]) -> Trained:
    """Train the layers of `start` for `steps` steps; killed, the same call continues."""
    assert request.calibration is not None  # noqa: S101 - a calibrated method
    windows, steps = request.calibration.windows, request.settings["steps"]
    path = request.out / WORK / "training.safetensors"
    models, order = (
        TeacherStudent(request, list(start)),
        _order(len(windows), steps * BATCH, request.seed),
    )
    with step("Training rounded weights", steps, "steps") as work, workers() as pool:
        state = Trained({}, [])
        for layer, item in start.items():
            state.weights[layer] = FakeQuantWeight(models.weight(layer), item, bool(request.prune))
        _restore(path, state)
        work.advance(len(state.losses))
        saved = monotonic()
        for at in range(len(state.losses), steps):
            batch = [windows[index] for index in order[at * BATCH : (at + 1) * BATCH]]
            _train_step(models, state, batch, _rate(at, steps), pool)
            work.note = f"KL {state.losses[-1]:.2e}"
            work.advance(1)
            if monotonic() - saved > SAVE_EVERY or at + 1 == steps:
                _save(path, state)
                saved = monotonic()
        work.result = f"KL {state.losses[0]:.2e} → {state.losses[-1]:.2e} on training windows"
    return state


def _train_step(
    models: TeacherStudent,
    state: Trained,
    batch: Sequence[Sequence[int]],
    rate: float,
    pool: Workers,
) -> None:
    """Take one step and record the divergence before it."""
    weights = list(state.weights.values())
    models.put(dict(zip(state.weights, pool.map(FakeQuantWeight.values, weights), strict=True)))
    loss, gradients = models.gradients(batch, pool)
    state.losses.append(loss)
    count = len(state.losses)
    pool.map(
        lambda both: both[0].learn(both[1], count, rate), list(zip(weights, gradients, strict=True))
    )


def _rate(at: int, steps: int) -> float:
    """Return the learning rate: linear warm-up, then cosine decay to a twentieth."""
    decay = 0.05 + 0.475 * (1 + math.cos(math.pi * at / steps))
    return RATE * min(1.0, (at + 1) / WARMUP) * decay


def _order(count: int, length: int, seed: int) -> list[int]:
    """List `length` window numbers: all, shuffled, again and again."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    order: list[int] = []
    while len(order) < length:
        order += chance.sample(range(count), count)
    return order


def _save(path: Path, state: Trained) -> None:
    """Write atomically all that the next step depends on."""
    from safetensors.torch import save_file

    tensors = {
        f"{part}:{layer}": getattr(weight, part).cpu().contiguous()
        for layer, weight in state.weights.items()
        for part in PARTS
    }
    save_file(tensors, part_of(path), {"losses": json.dumps(state.losses)})
    publish(part_of(path), path)


def _restore(path: Path, state: Trained) -> None:
    """Continue from the state of an earlier run, if there is one."""
    from safetensors import safe_open

    if not path.is_file():
        return
    with safe_open(path, "pt") as opened:
        state.losses = json.loads(opened.metadata()["losses"])
        for layer, weight in state.weights.items():
            for part in PARTS:
                found = opened.get_tensor(f"{part}:{layer}")
                setattr(weight, part, found.to(weight.weight.device))
    say(f"  {len(state.losses)} steps were taken before")
