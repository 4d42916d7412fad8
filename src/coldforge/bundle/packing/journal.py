"""What of a bundle is finished: the same command goes on from there, another is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from coldforge.bundle.format.index import Index, Volume, decode, encode
from coldforge.bundle.format.volume import Sort, volume_name
from coldforge.bundle.packing.layout import blank
from coldforge.errors import ColdforgeError
from coldforge.files.atomic import sync_folder, write_file
from coldforge.files.digest import sha256_json
from coldforge.files.lock import locked

NAME = ".plan.json"
FOREIGN = {"lost+found", "System Volume Information"}
"""What a disk's own file system keeps at its top."""


class Journal(msgspec.Struct):
    """A plan's digest, the time of the first run, and the hashes of what is finished."""

    plan: str
    serial: int
    volumes: list[Volume] = []
    groups: int = 0
    """Groups whose parity is written."""
    parity: list[Volume] = []

    def write(self, out: Path) -> None:
        """Keep it; what it says is finished must be on disk before."""
        write_file(out / NAME, msgspec.json.encode(self))


def plan_digest(index: Index, keys: list[str]) -> str:
    """Identify a bundle but for its time: what is in it, where, and who signs."""
    return sha256_json([encode(blank(index)).decode(), sorted(keys)])


def begin(out: Path, index: Index, keys: list[str]) -> Journal | None:
    """Open the journal of a bundle in `out`, new or left behind; None if all is done.

    Raise ColdforgeError if the folder holds something else.
    """
    wanted = plan_digest(index, keys)
    if (out / NAME).is_file():
        journal = _read(out)
        if journal.plan != wanted:
            raise _taken(out, "the beginning of another bundle")
        return journal
    if (out / "index.json").is_file():
        _check_same(out, wanted)
        return None
    check_free(out)
    journal = Journal(wanted, index.serial)
    journal.write(out)
    return journal


def check_free(out: Path) -> None:
    """Raise ColdforgeError if a folder holds what is no bundle, whole or begun."""
    if not out.is_dir() or (out / NAME).is_file() or (out / "index.json").is_file():
        return
    if strays := sorted(path.name for path in out.iterdir() if not _nothing(path)):
        raise _taken(out, strays[0])


def end(out: Path) -> None:
    """Forget the journal: everything has its name."""
    (out / NAME).unlink(missing_ok=True)
    sync_folder(out)


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Make `out` and keep a second run out of it."""
    if out.exists() and not out.is_dir():
        raise ColdforgeError(f"{out} is a file", "name a folder")
    out.mkdir(parents=True, exist_ok=True)
    with locked(out, busy=ColdforgeError(f"{out} is being written by another run", "wait for it")):
        yield


def _read(out: Path) -> Journal:
    try:
        return msgspec.json.decode((out / NAME).read_bytes(), type=Journal)
    except msgspec.DecodeError:
        raise _taken(out, f"a {NAME} that cannot be read") from None


def _check_same(out: Path, wanted: str) -> None:
    index = decode((out / "index.json").read_bytes())
    if plan_digest(index, signed_by(out)) != wanted:
        raise _taken(out, "another bundle")
    sorts: list[tuple[Sort, int]] = [("data", len(index.volumes))]
    sorts += [("parity", len(index.parity_volumes))]
    for sort, count in sorts:
        for number in range(1, count + 1):
            if not (out / volume_name(sort, number)).is_file():
                message = f"{out} lacks {volume_name(sort, number)} of this bundle"
                raise ColdforgeError(message, "bring it back, or name an empty folder")


def signed_by(out: Path) -> list[str]:
    """List the keys whose signatures a bundle shows, right or wrong."""
    try:
        found = msgspec.json.decode((out / "signatures.json").read_bytes())
        return [str(signature["keyid"]) for signature in found["signatures"]]
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return []


def _nothing(path: Path) -> bool:
    return path.name.startswith(".") or path.name in FOREIGN


def _taken(out: Path, what: str) -> ColdforgeError:
    return ColdforgeError(f"{out} holds {what}", "name an empty folder, or remove what is there")
