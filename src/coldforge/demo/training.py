"""The training of a demo model and its recipe: few tokens, so Muon for its matrices."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from coldforge.demo.architectures import WINDOW
from coldforge.progress import step

OUTER = ("embed_tokens", "lm_head", "wpe", "wte")
"""Embeddings and heads, which are trained by AdamW instead of Muon."""


@dataclass(frozen=True)
class Recipe:
    """Architecture, seed, length and rates of a training."""

    kind: str = "llama"
    seed: int = 0
    steps: int = 200
    batch: int = 4
    """Windows a step learns from."""
    vocabulary: int = 4096
    matrix_rate: float = 1e-2
    """Learning rate of the layers' matrices (Muon)."""
    other_rate: float = 3e-2
    """Learning rate of embeddings, head, norms and biases (AdamW)."""


def learn(model: Any, stream: list[int], recipe: Recipe) -> float:  # noqa: ANN401
    """Run the recipe's steps; return the mean loss of the last ten."""
    import torch

    text = torch.tensor(stream)
    optimisers = list(_optimisers(model, recipe))
    chance = random.Random(recipe.seed)  # noqa: S311 - repeatable on purpose
    losses: list[float] = []
    model.train()
    with step("Training the model", recipe.steps, "steps") as training:
        for at in range(recipe.steps):
            starts = [chance.randrange(len(text) - WINDOW) for _ in range(recipe.batch)]
            batch = torch.stack([text[start : start + WINDOW + 1] for start in starts])
            _rate(optimisers, at, recipe)
            losses.append(_one_step(model, batch, optimisers))
            training.advance(1)
        mean = sum(losses[-10:]) / len(losses[-10:])
        training.result = f"loss {losses[0]:.2f} → {mean:.2f}"
    model.eval()
    return mean


def _one_step(model: Any, batch: Any, optimisers: list[Any]) -> float:  # noqa: ANN401
    import torch
    from torch.nn.functional import cross_entropy

    # bfloat16 products, float32 weights and sums.
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(batch[:, :-1], use_cache=False).logits
    loss = cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
    model.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimiser in optimisers:
        optimiser.step()
    return float(loss.item())


def _optimisers(model: Any, recipe: Recipe) -> Iterator[Any]:  # noqa: ANN401
    """Return Muon for matrices, which learns more from few tokens, and AdamW for the rest."""
    import torch

    matrices: list[Any] = []
    others: list[Any] = []
    for name, item in model.named_parameters():
        inner = item.ndim == 2 and not any(word in name for word in OUTER)
        (matrices if inner else others).append(item)
    yield torch.optim.Muon(
        matrices, lr=recipe.matrix_rate, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"
    )
    yield torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0)


def _rate(optimisers: list[Any], at: int, recipe: Recipe) -> None:
    """Set the learning rates: 20 steps of warm-up, then cosine decay to a twentieth."""
    decay = 0.05 + 0.475 * (1 + math.cos(math.pi * at / recipe.steps))
    share = min(1.0, (at + 1) / 20) * decay
    rates = (recipe.matrix_rate, recipe.other_rate)
    for optimiser, rate in zip(optimisers, rates, strict=True):
        for group in optimiser.param_groups:
            group["lr"] = rate * share
