"""The distance of two backends' logits: differences, and the next token's distribution."""

import math
from dataclasses import dataclass
from typing import Any

ROWS = 16  # positions whose distributions are held at once, in float64


@dataclass(frozen=True)
class Distance:
    """One backend's logits against another's, over some positions."""

    positions: int = 0
    max_abs: float = 0.0
    mean_abs: float = 0.0
    max_rel: float = 0.0
    """Largest relative difference; large where the reference is near 0."""
    top1: float = 0.0
    """Share of positions where both rank the same token first."""
    kl: float = 0.0
    """Kullback-Leibler divergence of the next token's distribution, nats a position."""
    within: bool = True
    """Whether every logit is within the tolerance."""

    def __add__(self, other: "Distance") -> "Distance":
        """Return the distance over both sets of positions."""
        total = self.positions + other.positions

        def mean(one: float, two: float) -> float:
            return (one * self.positions + two * other.positions) / max(total, 1)

        return Distance(
            total,
            _largest(self.max_abs, other.max_abs),
            mean(self.mean_abs, other.mean_abs),
            _largest(self.max_rel, other.max_rel),
            mean(self.top1, other.top1),
            mean(self.kl, other.kl),
            self.within and other.within,
        )

    def json(self) -> dict[str, Any]:
        """Return it for a result; NaN and infinity become None."""
        found = {
            "max_abs": self.max_abs,
            "mean_abs": self.mean_abs,
            "max_rel": self.max_rel,
            "top1_agreement": self.top1,
            "kl": self.kl,
        }
        kept = {name: item if math.isfinite(item) else None for name, item in found.items()}
        return {"positions": self.positions, **kept}


def next_tokens(source: Any, other: Any) -> tuple[float, float]:  # noqa: ANN401 - arrays
    """Return top-1 agreement and divergence of logits (positions, vocab) from `source`."""
    import torch

    agreeing, divergence = 0, 0.0
    for at in range(0, len(source), ROWS):
        one, two = (torch.from_numpy(item[at : at + ROWS]) for item in (source, other))
        agreeing += int((one.argmax(-1) == two.argmax(-1)).sum())
        p, q = (item.double().log_softmax(-1) for item in (one, two))
        divergence += float((p.exp() * (p - q)).sum())
    return agreeing / len(source), max(divergence / len(source), 0.0)


def _largest(one: float, two: float) -> float:
    """Return the larger number; NaN is larger than any."""
    return math.nan if math.isnan(one) or math.isnan(two) else max(one, two)
