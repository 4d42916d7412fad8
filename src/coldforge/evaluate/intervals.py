"""Student's confidence interval of a mean over independent parts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LEVEL = 0.95
METHOD = "95 %, Student's t over the windows"


@dataclass(frozen=True)
class MeanEstimate:
    """A value and the bounds it lies between with 95 % confidence; None where unknown."""

    value: float
    low: float | None = None
    high: float | None = None

    def map(self, rising: Callable[[float], float]) -> "MeanEstimate":
        """Apply a monotonically increasing function to value and bounds."""
        low = None if self.low is None else rising(self.low)
        return MeanEstimate(
            rising(self.value), low, None if self.high is None else rising(self.high)
        )

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Return both bounds, if known."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def json(self) -> dict[str, float | None]:
        """Return it for JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}


def mean(parts: Sequence[float], floor: float = -math.inf, top: float = math.inf) -> MeanEstimate:
    """Estimate the mean of which `parts` are independent draws, kept between `floor` and `top`.

    Tokens of one window depend on each other: the parts are the windows' means, all of as many
    tokens, and not the tokens. One part alone has no interval.
    """
    count = len(parts)
    value = math.fsum(parts) / count
    if count < 2 or not math.isfinite(value):
        return MeanEstimate(value)
    variance = math.fsum((part - value) ** 2 for part in parts) / (count - 1)
    reach = student(count - 1) * math.sqrt(variance / count)
    return MeanEstimate(value, max(floor, value - reach), min(top, value + reach))


def student(freedom: int, level: float = LEVEL) -> float:
    """Return the t that |T| of Student's distribution stays below with probability `level`.

    T has `freedom` degrees of freedom, a whole number of 1 or more. The probability has a closed
    form (Abramowitz and Stegun, 26.7.3 and 26.7.4), which rises with t: the interval is halved.
    """
    low, high = 0.0, 1.0
    while _within(high, freedom) < level:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """Return the probability that |T| < t."""
    angle = math.atan2(t, math.sqrt(freedom))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = freedom % 2
    term, total = (math.cos(angle), 0.0) if odd else (1.0, 0.0)
    for at in range(1 + odd, freedom, 2):
        total += term
        term *= square * at / (at + 1)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
