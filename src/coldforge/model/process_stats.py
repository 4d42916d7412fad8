"""Memory of this process, and statistics of repeated timings."""

import resource
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_rss() -> int:
    """Return the peak resident memory of this process, bytes."""
    # getrusage's maximum is inherited over fork; VmHWM is this process's own.
    found = _field("VmHWM")
    return found if found is not None else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def rss() -> int:
    """Return the resident memory of this process, bytes."""
    found = _field("VmRSS")
    return found if found is not None else peak_rss()


def _field(name: str) -> int | None:
    """Read a size of proc(5), bytes; None where the system has none."""
    try:
        lines = STATUS.read_text("ascii").splitlines()
    except OSError:
        return None
    sizes = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(sizes[0]) * 1024 if sizes else None


@dataclass(frozen=True)
class Spread:
    """Median, tenth and ninetieth percentile of repeated timings; seconds."""

    median: float
    p10: float
    p90: float


def spread(timings: Sequence[float]) -> Spread:
    """Summarise one timing or more."""
    ordered = sorted(timings)
    return Spread(*(quantile(ordered, share) for share in (0.5, 0.1, 0.9)))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Interpolate between the two nearest of sorted values, as NumPy's percentile does."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
