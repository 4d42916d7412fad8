"""Read what volumes say about themselves, believing none of it: damage and lies are expected.

The form is that of `bundle.volume`, which writes it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from coldforge.errors import RefusedError

FOOTER = struct.Struct(">16s4sIQII32s")
MAGIC = b"coldforge-volume"
SORTS = {b"data": "data", b"rsgf": "parity"}
MOST_INDEX = 256 << 20  # bytes, unpacked
MOST_SIGNATURES = 1 << 20
HINT = "copy it again from the sender's disk"


class Footer(NamedTuple):
    """The end of a volume; what it tells fits the file's size, and no more is known of it."""

    sort: str
    """`data` or `parity`."""
    number: int
    """From 1."""
    payload: int
    packed_index: int
    packed_signatures: int
    bundle: str
    """sha256 of the index, hex."""


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file; raise RefusedError on a link, device or pipe."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(path, flags)
    except OSError as error:
        if path.is_symlink():
            raise RefusedError(f"{path.name!r} is a link; a bundle has none", HINT) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise RefusedError(f"{path.name!r} is no plain file; a bundle has nothing else", HINT)
    return os.fdopen(handle, "rb")


def read_footer(stream: BinaryIO) -> Footer | None:
    """Read the footer; None if it is damaged or does not fit the file."""
    size = stream.seek(0, os.SEEK_END)
    data = read_at(stream, size - FOOTER.size, FOOTER.size) if size >= FOOTER.size else b""
    if len(data) != FOOTER.size:
        return None
    magic, sort, number, payload, index, signatures, digest = FOOTER.unpack(data)
    if magic != MAGIC or sort not in SORTS or not number:
        return None
    if payload + index + signatures + FOOTER.size != size:
        return None
    return Footer(SORTS[sort], number, payload, index, signatures, digest.hex())


def read_index(stream: BinaryIO, footer: Footer) -> bytes | None:
    """Read the index that a volume repeats; None if it is damaged."""
    data = _inflate(stream, footer.payload, footer.packed_index, MOST_INDEX)
    if data is None or hashlib.sha256(data).hexdigest() != footer.bundle:
        return None
    return data


def read_signatures(stream: BinaryIO, footer: Footer) -> bytes | None:
    """Read the signatures that a volume repeats; None if they are damaged."""
    place = footer.payload + footer.packed_index
    return _inflate(stream, place, footer.packed_signatures, MOST_SIGNATURES)


def _inflate(stream: BinaryIO, place: int, size: int, most: int) -> bytes | None:
    """Unpack `size` bytes to at most `most`, however much they would unpack to."""
    if size > most + 1024:
        return None
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(read_at(stream, place, size), most + 1)
    except zlib.error:
        return None
    whole = unpacker.eof and not unpacker.unused_data and len(data) <= most
    return data if whole else None


def read_at(stream: BinaryIO, place: int, size: int) -> bytes:
    """Read some bytes; fewer where the disk cannot."""
    try:
        stream.seek(place)
        return stream.read(size)
    except OSError:
        return b""
