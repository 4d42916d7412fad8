"""Scan a bundle's folder: its volumes, and copies of the index and its signatures.

Volumes are identified by their footers; file names count where a footer is damaged.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from pathlib import Path
from typing import BinaryIO, NamedTuple

from coldforge.bootstrap.volume import (
    MAX_INDEX,
    MAX_SIGNATURES,
    Footer,
    open_regular,
    read_footer,
    read_index,
    read_signatures,
)
from coldforge.errors import MissingInputError, RefusedError

NAME = re.compile(r"(volume|parity)-([0-9]{3,6})\.cfv")
KINDS = {"volume": "data", "parity": "parity"}
MAX_FILES = 100_000


class FoundVolume(NamedTuple):
    """A file, and the volume that it claims to be."""

    path: Path
    kind: str
    """`data` or `parity`."""
    number: int
    bundle: str
    """sha256 of the index; empty if the footer is damaged."""

    def candidates(self, bundle: str, copies: Container[str]) -> set[tuple[str, int]]:
        """List which volumes of `bundle` it may be, by its footer and by its name.

        The footer may be damaged, so only a volume of another bundle in `copies` is ruled out.
        """
        if self.bundle != bundle and self.bundle in copies:
            return set()
        match = NAME.fullmatch(self.path.name)
        named = {(KINDS[match[1]], int(match[2]))} if match and int(match[2]) else set()
        return {(self.kind, self.number)} | named


class Copies(NamedTuple):
    """An index, and every copy of its signatures; all unverified."""

    data: bytes
    signatures: list[bytes]


class Folder(NamedTuple):
    """The contents of a folder."""

    copies: dict[str, Copies]
    """sha256 of the index -> the index."""
    volumes: list[FoundVolume]
    """Sorted by file name."""


def scan(place: Path) -> Folder:
    """Scan a folder; raise ColdforgeError on links and files that are not regular."""
    found = Folder({}, [])
    try:
        names = sorted(path.name for path in place.iterdir())
    except OSError as error:
        message = f"cannot read {str(place)!r}: {error.strerror}"
        raise MissingInputError(message, "name the bundle's folder") from error
    if len(names) > MAX_FILES:
        raise RefusedError(f"{str(place)!r} has {len(names)} files", "name the bundle's folder")
    if "index.json" in names:
        _read_index(place, names, found)
    for name in names:
        if name.endswith(".cfv"):
            with open_regular(place / name) as stream:
                _read_volume(stream, place / name, found)
    return found


def _read_index(place: Path, names: list[str], found: Folder) -> None:
    """Read index.json and signatures.json."""
    index = _read_small(place / "index.json", MAX_INDEX)
    if index is not None:
        copies = Copies(index, [])
        found.copies[hashlib.sha256(index).hexdigest()] = copies
        if "signatures.json" in names:
            signatures = _read_small(place / "signatures.json", MAX_SIGNATURES)
            if signatures is not None:
                copies.signatures.append(signatures)


def _read_volume(stream: BinaryIO, path: Path, found: Folder) -> None:
    footer = read_footer(stream)
    if footer is not None:
        volume = FoundVolume(path, footer.kind, footer.number, footer.bundle)
        found.volumes.append(volume)
        _read_copies(stream, footer, found)
        return
    match = NAME.fullmatch(path.name)
    if match and int(match[2]):
        found.volumes.append(FoundVolume(path, KINDS[match[1]], int(match[2]), ""))


def _read_copies(stream: BinaryIO, footer: Footer, found: Folder) -> None:
    """Read the index and signatures of a volume's trailer, each distinct one once."""
    if footer.bundle not in found.copies:
        index = read_index(stream, footer)
        if index is None:
            return
        found.copies[footer.bundle] = Copies(index, [])
    known = found.copies[footer.bundle].signatures
    signatures = read_signatures(stream, footer)
    if signatures is not None and signatures not in known:
        known.append(signatures)


def _read_small(path: Path, limit: int) -> bytes | None:
    """Read a file of at most `limit` bytes; None if it is larger or unreadable."""
    with open_regular(path) as stream:
        try:
            data = stream.read(limit + 1)
        except OSError:
            return None
    return data if len(data) <= limit else None
