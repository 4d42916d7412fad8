"""Split a layer at its tar members, so that two layers can be compared chunk by chunk.

Source: POSIX.1-2017, pax, "ustar Interchange Format". Anything but a tar is one chunk.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from coldforge.files.digest import CHUNK

BLOCK = 512


class BlobReader:
    """Read a file at any offset, from any thread."""

    def __init__(self, path: Path) -> None:
        """Open a file."""
        self._stream = path.open("rb", buffering=0)
        self.size = os.fstat(self._stream.fileno()).st_size

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._stream.close()

    def read(self, offset: int, size: int) -> bytes:
        """Read `size` bytes, fewer only at the end."""
        return os.pread(self._stream.fileno(), size, offset)


class Chunk(NamedTuple):
    """A header, or a member's content with its padding."""

    offset: int
    size: int
    name: bytes
    """Identifies the member; a header's differs from its content's."""
    digest: bytes


def chunks(blob: BlobReader, advance: Callable[[int], object]) -> Iterator[Chunk]:
    """Yield all chunks in order, without gaps; `advance` gets the bytes hashed."""
    for offset, size, name in _ranges(blob):
        digest = hashlib.sha256()
        for start in range(offset, offset + size, CHUNK):
            part = blob.read(start, min(CHUNK, offset + size - start))
            digest.update(part)
            advance(len(part))
        yield Chunk(offset, size, name, digest.digest())


def content_size(header: bytes) -> int:
    """Return the bytes that follow a header, with padding; -1 if it is not a header."""
    if header == bytes(BLOCK):
        return 0
    size = header[124:136].rstrip(b"\0 ")
    if header[257:262] != b"ustar" or not re.fullmatch(rb"[0-7]{1,12}", size):
        return -1
    return -(-int(size, 8) // BLOCK) * BLOCK if header[156:157] in b"0\0xg" else 0


def _ranges(blob: BlobReader) -> Iterator[tuple[int, int, bytes]]:
    offset = 0
    while (content := content_size(header := blob.read(offset, BLOCK))) >= 0:
        name = header[:100] + header[345:]
        yield offset, BLOCK, b"h" + name
        offset += BLOCK
        if size := min(content, blob.size - offset):
            yield offset, size, b"c" + name
            offset += size
    if rest := blob.size - offset:
        yield offset, rest, b""
