"""Which prompts go together: equally long ones, so that nothing is padded."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
AHEAD = 16
"""Batches' worth of prompts looked at to fill one; answers wait for those before them."""


def batches(lengths: Sequence[int], size: int, start: int = 0) -> Iterator[list[int]]:
    """Yield the places of up to `size` equally long prompts at a time, from `start` on.

    A padded prompt would have to be masked, and a row computed beside another length rounds
    elsewhere; what is equally long needs neither. Each window of prompts is finished before the
    next, so that who writes answers in order never holds many.
    """
    window = size * (AHEAD if size > 1 else 1)
    for begin in range(start, len(lengths), window):
        alike: dict[int, list[int]] = {}
        for place in range(begin, min(begin + window, len(lengths))):
            alike.setdefault(lengths[place], []).append(place)
        for places in alike.values():
            for at in range(0, len(places), size):
                yield places[at : at + size]


def in_order(found: Iterator[tuple[int, T]], start: int = 0) -> Iterator[T]:
    """Yield what comes with the places `start`, `start` + 1, … in that order."""
    early: dict[int, T] = {}
    wanted = start
    for place, item in found:
        early[place] = item
        while wanted in early:
            yield early.pop(wanted)
            wanted += 1
