"""The training: what survives a kill, which windows come when, how fast codes may change."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.files.atomic import part_of, publish
from coldforge.files.output import WORK
from coldforge.model.deterministic import Workers, workers
from coldforge.progress import say, step
from coldforge.quantize.blockwise.request import Request
from coldforge.quantize.methods.qat.fake_quant import PARTS, Latent
from coldforge.quantize.methods.qat.teacher_student import Pair

BATCH = 4
"""Windows of a step."""
RATE, WARM = 0.005, 5
"""Of Adam, in steps of a layer's grid; training steps until it is reached."""
KEPT = 30.0
"""Seconds between states kept for the next run, should this one be killed."""


@dataclass
class Trained:
    """Layers as they are trained, by name, and the divergence at each step."""

    latents: dict[str, Latent]
    losses: list[float]


def train(request: Request, start: Mapping[str, Quantized]) -> Trained:
    """Train the layers of `start` for the steps of the settings; killed, the same call goes on."""
    assert request.calibration is not None  # noqa: S101 - a calibrated method
    windows, steps = request.calibration.windows, request.settings["steps"]
    path = request.out / WORK / "training.safetensors"
    pair, order = Pair(request, list(start)), _order(len(windows), steps * BATCH, request.seed)
    with step("Training rounded weights", steps, "steps") as work, workers() as pool:
        now = Trained({}, [])
        for layer, item in start.items():
            now.latents[layer] = Latent(pair.weight(layer), item, bool(request.prune))
        _restore(path, now)
        work.advance(len(now.losses))
        kept = monotonic()
        for at in range(len(now.losses), steps):
            batch = [windows[index] for index in order[at * BATCH : (at + 1) * BATCH]]
            _one(pair, now, batch, _rate(at, steps), pool)
            work.note = f"KL {now.losses[-1]:.2e}"
            work.advance(1)
            if monotonic() - kept > KEPT or at + 1 == steps:
                _keep(path, now)
                kept = monotonic()
        work.result = f"KL {now.losses[0]:.2e} → {now.losses[-1]:.2e} on training windows"
    return now


def _one(
    pair: Pair, now: Trained, batch: Sequence[Sequence[int]], rate: float, pool: Workers
) -> None:
    """Take one step and note the divergence before it."""
    latents = list(now.latents.values())
    pair.put(dict(zip(now.latents, pool.map(Latent.values, latents), strict=True)))
    loss, gradients = pair.gradients(batch, pool)
    now.losses.append(loss)
    count = len(now.losses)
    pool.map(
        lambda both: both[0].learn(both[1], count, rate), list(zip(latents, gradients, strict=True))
    )


def _rate(at: int, steps: int) -> float:
    """Warm up, then fall along a cosine to a twentieth."""
    fall = 0.05 + 0.475 * (1 + math.cos(math.pi * at / steps))
    return RATE * min(1.0, (at + 1) / WARM) * fall


def _order(count: int, wanted: int, seed: int) -> list[int]:
    """List windows by number in the order in which they come: all, shuffled, then all again."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    order: list[int] = []
    while len(order) < wanted:
        order += chance.sample(range(count), count)
    return order


def _keep(path: Path, now: Trained) -> None:
    """Write all that the next step depends on, whole."""
    from safetensors.torch import save_file

    tensors = {
        f"{part}:{layer}": getattr(latent, part).cpu().contiguous()
        for layer, latent in now.latents.items()
        for part in PARTS
    }
    save_file(tensors, part_of(path), {"losses": json.dumps(now.losses)})
    publish(part_of(path), path)


def _restore(path: Path, now: Trained) -> None:
    """Go on where an earlier run was, if there was one."""
    from safetensors import safe_open

    if not path.is_file():
        return
    with safe_open(path, "pt") as opened:
        now.losses = json.loads(opened.metadata()["losses"])
        for layer, latent in now.latents.items():
            for part in PARTS:
                found = opened.get_tensor(f"{part}:{layer}")
                setattr(latent, part, found.to(latent.weight.device))
    say(f"  {len(now.losses)} steps were taken before")
