"""The best ways to spend bytes on layers: a knapsack with one option to pick from each layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LIMIT = 5000
"""Mixes carried from layer to layer; more are thinned, so that time grows with layers alone."""


@dataclass(frozen=True)
class Option:
    """One way to store one layer."""

    bits: int
    """16 for a layer left as it is."""
    size: int
    """Bytes, of all that is stored in place of the weight."""
    damage: float
    """What it alone does to the model; damages are summed over layers."""


@dataclass(frozen=True)
class Mix:
    """An option for every layer."""

    size: int
    damage: float
    picks: tuple[int, ...]
    """Which option, layer by layer."""


_State = tuple[int, float, Any]
"""Bytes, damage, and the picks so far as nested pairs: (those before, last)."""


def frontier(layers: Sequence[Sequence[Option]], limit: int = LIMIT) -> list[Mix]:
    """Return every mix that no other beats in both bytes and damage, smallest first.

    Exact while there are at most `limit` of them at each layer. Beyond, of mixes with about the
    same bytes the least damaging stays: sizes are still true, a better mix may be missed.
    """
    states: list[_State] = [(0, 0.0, None)]
    for options in layers:
        grown = (
            (size + option.size, damage + option.damage, (picks, at))
            for size, damage, picks in states
            for at, option in enumerate(options)
        )
        best = list(_undominated(sorted(grown, key=lambda state: state[:2])))
        states = best if len(best) <= limit else _thinned(best, limit)
    return [Mix(size, damage, tuple(_unwind(picks))) for size, damage, picks in states]


def within(mixes: Sequence[Mix], size: int) -> Mix | None:
    """Return the least damaging mix of at most `size` bytes; None if there is none."""
    return next((mix for mix in reversed(mixes) if mix.size <= size), None)


def sparing(mixes: Sequence[Mix], damage: float) -> Mix | None:
    """Return the smallest mix that does at most `damage`; None if there is none."""
    return next((mix for mix in mixes if mix.damage <= damage), None)


def _undominated(states: Sequence[_State]) -> Iterator[_State]:
    """Keep those with less damage than all smaller ones."""
    least = float("inf")
    for state in states:
        if state[1] < least:
            least = state[1]
            yield state


def _thinned(states: list[_State], limit: int) -> list[_State]:
    """Keep the smallest, and the least damaging of each span of sizes."""
    low, high = states[0][0], states[-1][0]
    width = (high - low) // limit + 1
    kept = {(state[0] - low) // width: state for state in states}
    kept.pop(0, None)
    return [states[0], *kept.values()]


def _unwind(picks: Any) -> list[int]:  # noqa: ANN401 - nested pairs
    found = []
    while picks is not None:
        picks, last = picks
        found.append(last)
    return found[::-1]
