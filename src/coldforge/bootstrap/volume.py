"""Read the trailers of volumes, which may be damaged or forged.

`bundle.format.volume` writes them and documents the format.
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
KINDS = {b"data": "data", b"rsgf": "parity"}
MAX_INDEX = 256 << 20  # bytes, decompressed
MAX_SIGNATURES = 1 << 20
HINT = "copy it again from the sender's disk"


class Footer(NamedTuple):
    """The end of a volume; only checked against the file's size."""

    kind: str
    """`data` or `parity`."""
    number: int
    """Counted from 1."""
    payload: int
    packed_index: int
    packed_signatures: int
    bundle: str
    """sha256 of the index, hex."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file; raise RefusedError on a link, device or pipe."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(path, flags)
    except OSError as error:
        if path.is_symlink():
            raise RefusedError(f"{path.name!r} is a link, not a file", HINT) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise RefusedError(f"{path.name!r} is not a regular file", HINT)
    return os.fdopen(handle, "rb")


def read_footer(stream: BinaryIO) -> Footer | None:
    """Read the footer; None if it is damaged or does not match the file's size."""
    size = stream.seek(0, os.SEEK_END)
    data = read_at(stream, size - FOOTER.size, FOOTER.size) if size >= FOOTER.size else b""
    if len(data) != FOOTER.size:
        return None
    magic, kind, number, payload, index, signatures, digest = FOOTER.unpack(data)
    if magic != MAGIC or kind not in KINDS or not number:
        return None
    if payload + index + signatures + FOOTER.size != size:
        return None
    return Footer(KINDS[kind], number, payload, index, signatures, digest.hex())


def read_index(stream: BinaryIO, footer: Footer) -> bytes | None:
    """Read the index in a volume's trailer; None if it is damaged."""
    data = _decompress(stream, footer.payload, footer.packed_index, MAX_INDEX)
    if data is None or hashlib.sha256(data).hexdigest() != footer.bundle:
        return None
    return data


def read_signatures(stream: BinaryIO, footer: Footer) -> bytes | None:
    """Read the signatures in a volume's trailer; None if they are damaged."""
    place = footer.payload + footer.packed_index
    return _decompress(stream, place, footer.packed_signatures, MAX_SIGNATURES)


def _decompress(stream: BinaryIO, place: int, size: int, limit: int) -> bytes | None:
    """Decompress `size` bytes to at most `limit` bytes; None if damaged or larger."""
    if size > limit + 1024:
        return None
    decompressor = zlib.decompressobj()
    try:
        data = decompressor.decompress(read_at(stream, place, size), limit + 1)
    except zlib.error:
        return None
    complete = decompressor.eof and not decompressor.unused_data and len(data) <= limit
    return data if complete else None


def read_at(stream: BinaryIO, place: int, size: int) -> bytes:
    """Read bytes; fewer at the end or if the disk fails."""
    try:
        stream.seek(place)
        return stream.read(size)
    except OSError:
        return b""
