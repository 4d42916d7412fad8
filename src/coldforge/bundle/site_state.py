"""The place that receives: its folder, and one receive at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.lock import locked
from coldforge.paths import Workspace


def ledger_path(space: Workspace) -> Path:
    """Name the list of what was received."""
    return space.site / "received.json"


def staging_path(space: Workspace, bundle: str = "") -> Path:
    """Name the folder of an unfinished bundle, or of all of them."""
    return space.site / "staging" / bundle


@contextmanager
def alone(space: Workspace) -> Iterator[None]:
    """Keep other receives out of this place; raise ColdforgeError if one is under way."""
    space.site.mkdir(parents=True, exist_ok=True)
    busy = ColdforgeError("another receive is under way here", "wait for its end")
    with locked(space.site, busy=busy):
        yield
