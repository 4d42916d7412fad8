"""Resident memory of this process: now, and its peak since the last reset."""

from contextlib import suppress
from pathlib import Path

from coldforge.model.process_stats import peak_rss, rss

CLEAR = Path("/proc/self/clear_refs")
ROLLUP = Path("/proc/self/smaps_rollup")
RESET, WHOLE = "since the cell began", "since the process began: its mark cannot be reset here"


def reset_peak() -> bool:
    """Reset the peak of resident memory; tell whether the system did (proc(5))."""
    try:
        CLEAR.write_text("5", "ascii")
    except OSError:
        return False
    return True


def peak() -> int:
    """Return the peak of resident memory since the last reset that worked, bytes."""
    return peak_rss()


def pss() -> int | None:
    """Return the proportional set size, bytes: shared pages are divided by their processes.

    None where the system does not say.
    """
    with suppress(OSError, ValueError, IndexError):
        lines = ROLLUP.read_text("ascii").splitlines()
        sizes = [line.split()[1] for line in lines if line.startswith("Pss:")]
        return int(sizes[0]) * 1024
    return None


def held() -> dict[str, int | None]:
    """Return resident and proportional memory now, bytes."""
    return {"rss_bytes": rss(), "pss_bytes": pss()}
