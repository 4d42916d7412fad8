"""The axis of a chart: the values it spans, its ticks, and how both are written."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

STEPS = (1.0, 2.0, 5.0, 10.0)
MOST_TICKS = 9


def six_digits(value: float) -> str:
    """Write a number to six significant digits."""
    return f"{value:.6g}"


@dataclass(frozen=True)
class Scale:
    """Where values are between the ends of an axis; `ticks` pairs a value with its text."""

    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """Place a value between 0 and 1; a value outside goes to the nearer end."""
        low, high = self.low, self.high
        if self.log:
            low, high = math.log10(low), math.log10(high)
            value = math.log10(value) if value > 0 else low
        return min(1.0, max(0.0, (value - low) / (high - low)))


@dataclass(frozen=True)
class Axis:
    """What an axis shows, and how its values are written."""

    title: str = ""
    log: bool = False
    unit: float = 1.0
    """What the ticks count: 2**30 for GiB of values in bytes."""
    tick: Callable[[float], str] = six_digits
    """Writes a tick, given in units."""
    write: Callable[[float], str] = six_digits
    """Writes a value beside its mark."""

    def scale(self, values: Sequence[float]) -> Scale:
        """Span finite values with round ends.

        A logarithmic axis ends in decades. Zero and negative values are at its lower end, one
        decade below all others, whose tick is written 0.
        """
        counted = [value / self.unit for value in values]
        low, high, places, below = _decades(counted) if self.log else _even(counted)
        ticks = tuple(
            (at * self.unit, "0" if below and at == low else self.tick(at)) for at in places
        )
        return Scale(low * self.unit, high * self.unit, self.log, ticks)


@dataclass(frozen=True)
class Ruler:
    """A scale laid along a drawing, from one coordinate to another."""

    start: float
    end: float
    scale: Scale

    def at(self, value: float) -> float:
        """Return the coordinate of a value."""
        return self.start + (self.end - self.start) * self.scale.at(value)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """List the coordinates and texts of at most about `most` ticks, evenly thinned."""
        every = -(-len(self.scale.ticks) // most)
        return [(self.at(value), text) for value, text in self.scale.ticks[::every]]


def _even(values: Sequence[float]) -> tuple[float, float, list[float], bool]:
    """Return low and high end, the places of ticks, and False: no end stands for 0."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low == high:
        low, high = low - 1, high + 1
    rough = (high - low) / (MOST_TICKS - 1)
    size: float = 10.0 ** math.floor(math.log10(rough))
    step = next(item * size for item in STEPS if item * size >= rough * (1 - 1e-9))
    first, last = math.floor(low / step), math.ceil(high / step)
    return first * step, last * step, [at * step for at in range(first, last + 1)], False


def _decades(values: Sequence[float]) -> tuple[float, float, list[float], bool]:
    """Return low and high end, the places of ticks, and whether the low end stands for 0."""
    above = [value for value in values if value > 0]
    first = math.floor(math.log10(min(above, default=1.0)))
    last = max(math.ceil(math.log10(max(above, default=1.0))), first + 1)
    below = len(above) < len(values)
    if below:
        first -= 1
    every = math.ceil((last - first + 1) / MOST_TICKS)
    places = [10.0**at for at in range(first, last + 1, every)]
    if last - first <= 2:
        places += [part * 10.0**at for at in range(first + below, last) for part in (2, 5)]
    return 10.0**first, 10.0**last, sorted(places), below
