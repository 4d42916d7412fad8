"""A sweep's folder, and the locks in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.atomic import part_of
from coldforge.files.lock import locked
from coldforge.files.notes import write_note
from coldforge.files.output import CARD, read_card, refuse_foreign

SWEEP = "sweep"


def claim(place: Path) -> None:
    """Create a sweep's folder; raise ColdforgeError if it holds something else."""
    part_of(place / CARD).unlink(missing_ok=True)  # of a run that was killed at this very place
    refuse_foreign(place, SWEEP)
    if read_card(place).get("kind") != SWEEP:
        write_note(place / CARD, {"kind": SWEEP})


@contextmanager
def exclusive(place: Path, name: str, patience: float = 0.0) -> Iterator[None]:
    """Lock a name within a sweep's folder; the lock ends with the process.

    Raise ColdforgeError if another process still has it after `patience` seconds.
    """
    busy = ColdforgeError(
        f"another run works on {name}", "wait for it, or stop it: docker ps shows it"
    )
    with locked(place / ".locks" / name, busy=busy, patience=patience):
        yield
