"""What lies in the folder somebody brought: volumes, and copies of the index and its signatures.

Which file is which, the files say; their names only help where a file's end is damaged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from pathlib import Path
from typing import BinaryIO, NamedTuple

from coldforge.bootstrap.volume import (
    MOST_INDEX,
    MOST_SIGNATURES,
    Footer,
    open_plain,
    read_footer,
    read_index,
    read_signatures,
)
from coldforge.errors import MissingInputError, RefusedError

NAME = re.compile(r"(volume|parity)-([0-9]{3,6})\.cfv")
SORTS = {"volume": "data", "parity": "parity"}
MOST_FILES = 100_000


class Volume(NamedTuple):
    """A file, and which volume of which bundle it says it is."""

    path: Path
    sort: str
    """`data` or `parity`."""
    number: int
    bundle: str
    """sha256 of the index; empty where the file's end is damaged."""

    def places(self, bundle: str, copies: Container[str]) -> set[tuple[str, int]]:
        """List which volumes of `bundle` it may be: by what it says, and by its name.

        Its end may be damaged, so only one that is of another bundle of `copies` is none.
        """
        if self.bundle != bundle and self.bundle in copies:
            return set()
        match = NAME.fullmatch(self.path.name)
        named = {(SORTS[match[1]], int(match[2]))} if match and int(match[2]) else set()
        return {(self.sort, self.number)} | named


class Copies(NamedTuple):
    """An index, and every copy of the signatures that was found with it; all unproved."""

    data: bytes
    signatures: list[bytes]


class Folder(NamedTuple):
    """All of it."""

    copies: dict[str, Copies]
    """sha256 of the index -> the index."""
    volumes: list[Volume]
    """By name."""


def scan(place: Path) -> Folder:
    """Look through a folder; raise ColdforgeError on links and whatever is no plain file."""
    found = Folder({}, [])
    try:
        names = sorted(path.name for path in place.iterdir())
    except OSError as error:
        message = f"cannot read {str(place)!r}: {error.strerror}"
        raise MissingInputError(message, "name the bundle's folder") from error
    if len(names) > MOST_FILES:
        raise RefusedError(f"{str(place)!r} holds {len(names)} files", "name the bundle's folder")
    if "index.json" in names:
        _beside(place, names, found)
    for name in names:
        if name.endswith(".cfv"):
            with open_plain(place / name) as stream:
                _volume(stream, place / name, found)
    return found


def _beside(place: Path, names: list[str], found: Folder) -> None:
    """Take index.json and signatures.json."""
    index = _whole(place / "index.json", MOST_INDEX)
    if index is not None:
        copies = Copies(index, [])
        found.copies[hashlib.sha256(index).hexdigest()] = copies
        if "signatures.json" in names:
            signatures = _whole(place / "signatures.json", MOST_SIGNATURES)
            if signatures is not None:
                copies.signatures.append(signatures)


def _volume(stream: BinaryIO, path: Path, found: Folder) -> None:
    footer = read_footer(stream)
    if footer is not None:
        volume = Volume(path, footer.sort, footer.number, footer.bundle)
        found.volumes.append(volume)
        _copies(stream, footer, found)
        return
    match = NAME.fullmatch(path.name)
    if match and int(match[2]):
        found.volumes.append(Volume(path, SORTS[match[1]], int(match[2]), ""))


def _copies(stream: BinaryIO, footer: Footer, found: Folder) -> None:
    """Take the index and signatures at a volume's end, each different one once."""
    if footer.bundle not in found.copies:
        index = read_index(stream, footer)
        if index is None:
            return
        found.copies[footer.bundle] = Copies(index, [])
    known = found.copies[footer.bundle].signatures
    signatures = read_signatures(stream, footer)
    if signatures is not None and signatures not in known:
        known.append(signatures)


def _whole(path: Path, most: int) -> bytes | None:
    """Read a small file; None if it is too large to be ours, or the disk cannot."""
    with open_plain(path) as stream:
        try:
            data = stream.read(most + 1)
        except OSError:
            return None
    return data if len(data) <= most else None
