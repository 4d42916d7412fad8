"""Progress of steps on stderr: a bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

PLAIN_EVERY = 5.0  # seconds between plain lines of one step


def say(text: str) -> None:
    """Print one line for people."""
    if _live():
        _bars().console.print(text, highlight=False, markup=False, soft_wrap=True)
    else:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - the one place that prints


def amount(count: float, unit: str = "B") -> str:
    """Format a number of bytes (decimal prefixes) or of other units."""
    if unit != "B":
        return f"{count:,.0f} {unit}"
    for prefix in ("", "k", "M", "G"):
        if count < 1000:
            return f"{count:.0f} {prefix}B" if not prefix else f"{count:.1f} {prefix}B"
        count /= 1000
    return f"{count:.1f} TB"


class Step:
    """One running step; thread-safe to advance."""

    def __init__(self, title: str, total: float | None, unit: str) -> None:
        """Start a step of `total` units, or of unknown length."""
        self.title, self.total, self.unit = title, total, unit
        self.done = 0.0
        self.result = ""
        self.note = ""
        self.started = self._printed = time.monotonic()
        self._bar = _bars().add_task(title, total=total, rate="") if _live() else None

    def advance(self, count: float) -> None:
        """Count `count` more units as done."""
        self.done += count
        if self._bar is not None:
            _bars().update(self._bar, completed=self.done, rate=self._rate())
        elif time.monotonic() - self._printed > PLAIN_EVERY:
            self._printed = time.monotonic()
            say(f"  {self.title}: {self._figures()}")

    def grow(self, count: float) -> None:
        """Add `count` units to the total."""
        self.total = (self.total or 0) + count
        if self._bar is not None:
            _bars().update(self._bar, total=self.total)

    def end(self, failed: bool) -> None:
        """Print the closing line: title, result, seconds."""
        if self._bar is not None:
            _bars().remove_task(self._bar)
        seconds = time.monotonic() - self.started
        mark = "✗" if failed else "✓"
        tail = f" — {self.result}" if self.result and not failed else ""
        say(f"{mark} {self.title}{tail} ({seconds:.1f} s)")

    def _rate(self) -> str:
        seconds = time.monotonic() - self.started
        rate = f"{amount(self.done / seconds, self.unit)}/s" if seconds else ""
        return f"{rate} {self.note}".rstrip()

    def _figures(self) -> str:
        seconds = time.monotonic() - self.started
        rate = self.done / seconds if seconds else 0.0
        if not self.total:
            return f"{amount(self.done, self.unit)}, {seconds:.0f} s"
        left = (self.total - self.done) / rate if rate else 0.0
        return (
            f"{amount(self.done, self.unit)} of {amount(self.total, self.unit)}, "
            f"{amount(rate, self.unit)}/s, {left:.0f} s left"
            + (f", {self.note}" if self.note else "")
        )


@contextmanager
def step(title: str, total: float | None = None, unit: str = "B") -> Iterator[Step]:
    """Show a step, yield it to be advanced, and print how it ended."""
    current = Step(title, total, unit)
    failed = True
    try:
        yield current
        failed = False
    finally:
        current.end(failed)
        _stop_if_idle()


@cache
def _live() -> bool:
    return sys.stderr.isatty()


@cache
def _bars() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(compact=True),
    )
    bars = Progress(*columns, console=Console(stderr=True), transient=True)
    bars.start()
    return bars


def _stop_if_idle() -> None:
    """Stop drawing while no step is running, so that other output is not disturbed."""
    if not _live():
        return
    bars = _bars()
    if bars.finished or not bars.tasks:
        bars.stop()
        _bars.cache_clear()
