"""Progress of a survey, with an estimate of the time left."""

from collections.abc import Iterable, Mapping

from coldforge.progress import say


def seconds_left(known: Mapping[str, float], waiting: Iterable[str]) -> float | None:
    """Estimate the time of the waiting variants by their own last time, else the mean of others.

    None while no time is known.
    """
    if not known:
        return None
    usual = sum(known.values()) / len(known)
    return sum(known.get(name, usual) for name in waiting)


class Eta:
    """Prints a line when a variant begins and when it ends."""

    def __init__(self, waiting: list[str]) -> None:
        """Take the names of the waiting variants, once for each model."""
        self.waiting, self.total = waiting, len(waiting)
        self.known: dict[str, float] = {}

    def begin(self, model: str, variant: str) -> None:
        """Print which variant is next, and an estimate of the time left."""
        left = seconds_left(self.known, self.waiting)
        tail = "" if left is None else f", about {span(left)} left"
        at = self.total - len(self.waiting) + 1
        say(f"[{at}/{self.total}] {model} {variant}{tail}")

    def end(self, variant: str, found: str, seconds: float) -> None:
        """Print the outcome; `seconds` it took, now or in an earlier run, 0 if unknown."""
        self.waiting.remove(variant)
        if seconds:
            self.known[variant] = seconds
        say(f"  {variant}: {found}")


def span(seconds: float) -> str:
    """Write a time for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
