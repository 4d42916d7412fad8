"""Progress of a bundle being written: the same command continues, another is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from coldforge.bundle.format.index import Index, Volume, decode, encode
from coldforge.bundle.format.volume import VolumeKind, volume_name
from coldforge.bundle.packing.layout import without_hashes
from coldforge.errors import ColdforgeError
from coldforge.files.atomic import sync_folder, write_file
from coldforge.files.digest import sha256_json
from coldforge.files.lock import locked

NAME = ".plan.json"
FOREIGN = {"lost+found", "System Volume Information"}
"""Entries that file systems create at their root."""


class Journal(msgspec.Struct):
    """A plan's digest, the time of the first run, and the hashes of finished volumes."""

    plan: str
    serial: int
    volumes: list[Volume] = []
    groups: int = 0
    """Number of groups whose parity is written."""
    parity: list[Volume] = []

    def write(self, out: Path) -> None:
        """Write it; what it lists as finished must be on disk before."""
        write_file(out / NAME, msgspec.json.encode(self))


def plan_digest(index: Index, keys: list[str]) -> str:
    """Identify a bundle apart from its time: contents, positions and signing keys."""
    return sha256_json([encode(without_hashes(index)).decode(), sorted(keys)])


def begin(out: Path, index: Index, keys: list[str]) -> Journal | None:
    """Open the journal of a bundle in `out`, new or from a killed run; None if it is complete.

    Raise ColdforgeError if the folder holds something else.
    """
    wanted = plan_digest(index, keys)
    if (out / NAME).is_file():
        journal = _read(out)
        if journal.plan != wanted:
            raise _occupied(out, "the beginning of another bundle")
        return journal
    if (out / "index.json").is_file():
        _check_same(out, wanted)
        return None
    check_usable(out)
    journal = Journal(wanted, index.serial)
    journal.write(out)
    return journal


def check_usable(out: Path) -> None:
    """Raise ColdforgeError if a folder holds anything but a bundle, complete or begun."""
    if not out.is_dir() or (out / NAME).is_file() or (out / "index.json").is_file():
        return
    if strays := sorted(path.name for path in out.iterdir() if not _ignored(path)):
        raise _occupied(out, strays[0])


def finish(out: Path) -> None:
    """Remove the journal of a complete bundle."""
    (out / NAME).unlink(missing_ok=True)
    sync_folder(out)


@contextmanager
def exclusive(out: Path) -> Iterator[None]:
    """Create `out` and lock it; raise ColdforgeError if another run holds it."""
    if out.exists() and not out.is_dir():
        raise ColdforgeError(f"{out} is a file", "name a folder")
    out.mkdir(parents=True, exist_ok=True)
    with locked(out, busy=ColdforgeError(f"{out} is being written by another run", "wait for it")):
        yield


def _read(out: Path) -> Journal:
    try:
        return msgspec.json.decode((out / NAME).read_bytes(), type=Journal)
    except msgspec.DecodeError:
        raise _occupied(out, f"an unreadable {NAME}") from None


def _check_same(out: Path, wanted: str) -> None:
    index = decode((out / "index.json").read_bytes())
    if plan_digest(index, signed_by(out)) != wanted:
        raise _occupied(out, "another bundle")
    kinds: list[tuple[VolumeKind, int]] = [("data", len(index.volumes))]
    kinds += [("parity", len(index.parity_volumes))]
    for kind, count in kinds:
        for number in range(1, count + 1):
            if not (out / volume_name(kind, number)).is_file():
                message = f"{out} lacks {volume_name(kind, number)} of this bundle"
                raise ColdforgeError(message, "restore it, or name an empty folder")


def signed_by(out: Path) -> list[str]:
    """List the keys in a bundle's signatures.json, unverified."""
    try:
        found = msgspec.json.decode((out / "signatures.json").read_bytes())
        return [str(signature["keyid"]) for signature in found["signatures"]]
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return []


def _ignored(path: Path) -> bool:
    return path.name.startswith(".") or path.name in FOREIGN


def _occupied(out: Path, what: str) -> ColdforgeError:
    return ColdforgeError(f"{out} holds {what}", "name an empty folder, or remove that")
