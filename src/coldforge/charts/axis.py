"""The axis of a chart: which values it spans, where it has ticks, how these are written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = (1.0, 2.0, 5.0, 10.0)
MOST_TICKS = 9


@dataclass(frozen=True)
class Scale:
    """An axis that knows its ends; `ticks` pairs a value with its text."""

    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """Place a value between 0 and 1; what lies outside goes to the nearer end."""
        low, high = self.low, self.high
        if self.log:
            low, high = math.log10(low), math.log10(high)
            value = math.log10(value) if value > 0 else low
        return min(1.0, max(0.0, (value - low) / (high - low)))


@dataclass(frozen=True)
class Axis:
    """What an axis shows."""

    title: str
    log: bool = False

    def scale(self, values: Sequence[float]) -> Scale:
        """Span finite values with round ends.

        A logarithmic axis ends in decades. Zero and less have no place on it: they go to its lower
        end, one decade below all others, whose tick is written 0.
        """
        return _decades(values) if self.log else _even(values)


def _even(values: Sequence[float]) -> Scale:
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low == high:
        low, high = low - 1, high + 1
    rough = (high - low) / (MOST_TICKS - 1)
    size: float = 10.0 ** math.floor(math.log10(rough))
    step = next(item * size for item in STEPS if item * size >= rough * (1 - 1e-9))
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = tuple((at * step, f"{at * step:.6g}") for at in range(first, last + 1))
    return Scale(first * step, last * step, False, ticks)


def _decades(values: Sequence[float]) -> Scale:
    above = [value for value in values if value > 0]
    first = math.floor(math.log10(min(above, default=1.0)))
    last = max(math.ceil(math.log10(max(above, default=1.0))), first + 1)
    below = len(above) < len(values)
    if below:
        first -= 1
    every = math.ceil((last - first + 1) / MOST_TICKS)
    ticks = [
        (10.0**at, "0" if below and at == first else f"{10.0**at:g}")
        for at in range(first, last + 1)
        if (at - first) % every == 0
    ]
    if last - first <= 2:
        ticks += [
            (part * 10.0**at, f"{part * 10.0**at:g}")
            for at in range(first + below, last)
            for part in (2, 5)
        ]
    return Scale(10.0**first, 10.0**last, True, tuple(sorted(ticks)))
