"""Which bundles this site has taken in: what keeps an old one from coming back as a new one."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from coldforge.bundle.format.index import Index, Kind
from coldforge.errors import ColdforgeError, RefusedError
from coldforge.files.atomic import write_file

FORMAT = 1


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bundle that is complete here."""

    id: str
    kind: Kind
    stack: str
    serial: int
    image: str
    revision: str
    """Of the project that it carried."""
    whole: bool = True
    """Whether more than its blobs was taken."""


class Ledger(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of received.json."""

    format: int
    bundles: list[Entry]

    def knows(self, bundle: str) -> bool:
        """Tell whether a bundle is complete here, names and all."""
        return any(entry.id == bundle and entry.whole for entry in self.bundles)

    def newest(self, index: Index) -> Entry | None:
        """Find the newest bundle of the same stack and kind."""
        same = [entry for entry in self.bundles if _same(entry, index) and entry.whole]
        return max(same, key=lambda entry: entry.serial, default=None)

    def leads(self, index: Index) -> bool:
        """Tell whether no bundle here, of any stack, is newer: its project is the one to use."""
        return all(entry.serial <= index.serial for entry in self.bundles if entry.whole)

    def older(self, index: Index) -> bool:
        """Tell whether a newer one of the same stack and kind is here."""
        newest = self.newest(index)
        return newest is not None and newest.serial > index.serial

    def refuse(self, index: Index) -> RefusedError:
        """Say that a bundle is older than what is here."""
        newest = self.newest(index)
        had = day(newest.serial) if newest else "?"
        message = (
            f"this {index.kind} bundle of {index.stack} is of {day(index.serial)}, "
            f"the one received last of {had}"
        )
        return RefusedError(message, "if only its blobs are wanted, no names: add --older")


def read_ledger(path: Path) -> Ledger:
    """Read what was received; nothing if there is no ledger yet. Raise ColdforgeError."""
    try:
        ledger = msgspec.json.decode(path.read_bytes(), type=Ledger)
    except FileNotFoundError:
        return Ledger(FORMAT, [])
    except msgspec.DecodeError as error:
        raise _unreadable(path) from error
    if ledger.format != FORMAT:
        raise _unreadable(path)
    return ledger


def enter(path: Path, bundle: str, index: Index, whole: bool) -> None:
    """Write a complete bundle down; what is known of it already is replaced."""
    before = [entry for entry in read_ledger(path).bundles if entry.id != bundle]
    entry = Entry(
        bundle, index.kind, index.stack, index.serial, index.image, index.tool.revision, whole
    )
    ledger = Ledger(FORMAT, [*before, entry])
    write_file(path, msgspec.json.format(msgspec.json.encode(ledger), indent=1) + b"\n")


def day(serial: int) -> str:
    """Write when a bundle was made."""
    return f"{datetime.fromtimestamp(serial, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _same(entry: Entry, index: Index) -> bool:
    return (entry.stack, entry.kind) == (index.stack, index.kind)


def _unreadable(path: Path) -> ColdforgeError:
    hint = "bring it back from a backup; without it an old bundle is not told from a new one"
    return ColdforgeError(f"{path} cannot be read", hint)
