"""The bundles received at this site; an older one is not taken for a newer one."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from coldforge.bundle.format.index import Index, Kind
from coldforge.errors import ColdforgeError, RefusedError
from coldforge.files.atomic import write_file
from coldforge.paths import Workspace

FORMAT = 1


class LedgerEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bundle that was received completely."""

    id: str
    kind: Kind
    stack: str
    serial: int
    image: str
    revision: str
    """Of the project in the bundle."""
    whole: bool = True
    """Whether names were taken too, not only blobs."""


class Ledger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of received.json."""

    format: int
    bundles: list[LedgerEntry]

    def has_complete(self, bundle: str) -> bool:
        """Tell whether a bundle was received completely, names included."""
        return any(entry.id == bundle and entry.whole for entry in self.bundles)

    def newest(self, index: Index) -> LedgerEntry | None:
        """Find the newest bundle of the same stack and kind."""
        same = [entry for entry in self.bundles if _same_series(entry, index) and entry.whole]
        return max(same, key=lambda entry: entry.serial, default=None)

    def is_newest(self, index: Index) -> bool:
        """Tell whether no received bundle, of any stack, is newer: then its tool is used."""
        return all(entry.serial <= index.serial for entry in self.bundles if entry.whole)

    def is_outdated(self, index: Index) -> bool:
        """Tell whether a newer one of the same stack and kind was received."""
        newest = self.newest(index)
        return newest is not None and newest.serial > index.serial

    def refusal(self, index: Index) -> RefusedError:
        """Return the error for a bundle older than the newest received."""
        newest = self.newest(index)
        latest = format_time(newest.serial) if newest else "?"
        message = (
            f"this {index.kind} bundle of {index.stack} was made at {format_time(index.serial)}, "
            f"the newest received at {latest}"
        )
        return RefusedError(message, "add --older to take its blobs without its names")


def ledger_path(space: Workspace) -> Path:
    """Return the path of a site's ledger."""
    return space.site / "received.json"


def read_ledger(path: Path) -> Ledger:
    """Read the ledger; empty if there is none. Raise ColdforgeError if it is damaged."""
    try:
        ledger = msgspec.json.decode(path.read_bytes(), type=Ledger)
    except FileNotFoundError:
        return Ledger(FORMAT, [])
    except msgspec.DecodeError as error:
        raise _unreadable(path) from error
    if ledger.format != FORMAT:
        raise _unreadable(path)
    return ledger


def record(path: Path, bundle: str, index: Index, whole: bool) -> None:
    """Add a complete bundle, replacing an earlier entry of it."""
    before = [entry for entry in read_ledger(path).bundles if entry.id != bundle]
    entry = LedgerEntry(
        bundle, index.kind, index.stack, index.serial, index.image, index.tool.revision, whole
    )
    ledger = Ledger(FORMAT, [*before, entry])
    write_file(path, msgspec.json.format(msgspec.json.encode(ledger), indent=1) + b"\n")


def format_time(serial: int) -> str:
    """Format the time a bundle was made."""
    return f"{datetime.fromtimestamp(serial, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _same_series(entry: LedgerEntry, index: Index) -> bool:
    return (entry.stack, entry.kind) == (index.stack, index.kind)


def _unreadable(path: Path) -> ColdforgeError:
    hint = "restore it from a backup; without it an old bundle could pass for a new one"
    return ColdforgeError(f"{path} cannot be read", hint)
