"""Greedy generation: an engine's tokens against torch's."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from coldforge.engine.backend import Runner
from coldforge.model.generate import following


@dataclass(frozen=True)
class TokenDifference:
    """The first place where an engine chose another token than torch."""

    prompt: int
    at: int
    """Tokens that were the same before."""
    torch: int
    engine: int
    gap: float
    """Torch's logit of its own token minus that of the engine's."""
    near_tie: bool
    """Whether errors within the tolerance could swap the two tokens."""


def compare_greedy(
    model: Any,  # noqa: ANN401 - a Transformers model
    runner: Runner,
    prompts: list[list[int]],
    count: int,
    tolerance: float,
    advance: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """Generate `count` tokens after each prompt with both; stop at the first difference.

    A difference is a near tie, not an error, if torch's two logits are no further apart than
    twice the tolerance.
    """
    found = []
    for place, ids in enumerate(prompts):
        expected = list(following(model, ids, count))
        chosen = [tokens[0] for tokens in runner.follow([ids], count)]
        at = next((at for at in range(count) if expected[at] != chosen[at]), None)
        if at is not None:
            gap = _gap(model, ids + expected[:at], expected[at], chosen[at])
            near = gap <= 2 * tolerance
            found.append(TokenDifference(place, at, expected[at], chosen[at], gap, near))
        advance(count)
    ties = sum(item.near_tie for item in found)
    return {
        "prompts": len(prompts),
        "tokens": count,
        "identical": len(prompts) - len(found),
        "near_ties": ties,
        "first_difference": asdict(found[0]) if found else None,
        "differences": [asdict(item) for item in found],
        "agrees": len(found) == ties,
    }


def _gap(model: Any, ids: list[int], one: int, other: int) -> float:  # noqa: ANN401
    import torch

    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0, -1]
    return float(logits[one] - logits[other])
