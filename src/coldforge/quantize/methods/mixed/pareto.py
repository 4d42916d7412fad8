"""The Pareto frontier of bytes and divergence: a multiple-choice knapsack over layers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LIMIT = 5000
"""Assignments kept from layer to layer; more are thinned out, which bounds the time."""


@dataclass(frozen=True)
class Candidate:
    """One way to store one layer."""

    bits: int
    """16 for a layer left as it is."""
    size: int
    """Bytes of all that is stored in place of the weight."""
    kl: float
    """Divergence from the original with this layer alone quantised; summed over layers."""


@dataclass(frozen=True)
class Assignment:
    """A candidate for every layer."""

    size: int
    kl: float
    picks: tuple[int, ...]
    """The index of the candidate, layer by layer."""


_State = tuple[int, float, Any]
"""Bytes, divergence, and the picks so far as nested pairs: (those before, last)."""


def pareto_frontier(layers: Sequence[Sequence[Candidate]], limit: int = LIMIT) -> list[Assignment]:
    """Return the assignments that no other dominates in bytes and divergence, smallest first.

    Exact while there are at most `limit` of them at each layer. Beyond, of assignments of about the
    same bytes the one of least divergence stays: sizes are exact, a better one may be missed.
    """
    states: list[_State] = [(0, 0.0, None)]
    for candidates in layers:
        extended = (
            (size + item.size, kl + item.kl, (picks, at))
            for size, kl, picks in states
            for at, item in enumerate(candidates)
        )
        best = list(_undominated(sorted(extended, key=lambda state: state[:2])))
        states = best if len(best) <= limit else _thinned(best, limit)
    return [Assignment(size, kl, tuple(_unwind(picks))) for size, kl, picks in states]


def best_within(assignments: Sequence[Assignment], size: int) -> Assignment | None:
    """Return the assignment of least divergence within `size` bytes; None if there is none."""
    return next((item for item in reversed(assignments) if item.size <= size), None)


def smallest_below(assignments: Sequence[Assignment], kl: float) -> Assignment | None:
    """Return the smallest assignment of at most `kl`; None if there is none."""
    return next((item for item in assignments if item.kl <= kl), None)


def _undominated(states: Sequence[_State]) -> Iterator[_State]:
    """Keep the states of less divergence than all smaller ones."""
    least = float("inf")
    for state in states:
        if state[1] < least:
            least = state[1]
            yield state


def _thinned(states: list[_State], limit: int) -> list[_State]:
    """Keep the smallest, and the state of least divergence in each range of sizes."""
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
