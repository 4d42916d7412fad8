"""How far a survey has come, and how long the rest may take."""

from collections.abc import Iterable, Mapping

from coldforge.progress import say


def seconds_left(known: Mapping[str, float], waiting: Iterable[str]) -> float | None:
    """Guess how long the ways waiting will take, by their own last time or the mean of others.

    None while nothing is known.
    """
    if not known:
        return None
    usual = sum(known.values()) / len(known)
    return sum(known.get(name, usual) for name in waiting)


class Eta:
    """Says what begins and what came of it, a line each."""

    def __init__(self, waiting: list[str]) -> None:
        """Take the names of all ways to come, one for each model."""
        self.waiting, self.total = waiting, len(waiting)
        self.known: dict[str, float] = {}

    def begin(self, model: str, way: str) -> None:
        """Say which way is next, and how long all that are left may take."""
        left = seconds_left(self.known, self.waiting)
        tail = "" if left is None else f", about {span(left)} left"
        at = self.total - len(self.waiting) + 1
        say(f"[{at}/{self.total}] {model} {way}{tail}")

    def end(self, way: str, found: str, seconds: float) -> None:
        """Say what came of it; `seconds` it took, now or in an earlier run, 0 for nobody knows."""
        self.waiting.remove(way)
        if seconds:
            self.known[way] = seconds
        say(f"  {way}: {found}")


def span(seconds: float) -> str:
    """Write a time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
