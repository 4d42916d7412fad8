"""Cut a layer at its tar members, so that two layers can be compared piece by piece.

Source: POSIX.1-2017, pax, "ustar Interchange Format". What is no tar is one long piece.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from coldforge.files.digest import CHUNK

BLOCK = 512


class Blob:
    """A file's bytes, from anywhere in it and from any thread."""

    def __init__(self, path: Path) -> None:
        """Open it."""
        self._stream = path.open("rb", buffering=0)
        self.size = os.fstat(self._stream.fileno()).st_size

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._stream.close()

    def read(self, offset: int, size: int) -> bytes:
        """Read `size` bytes, fewer only at the end."""
        return os.pread(self._stream.fileno(), size, offset)


class Cut(NamedTuple):
    """A header, or the content of a member with its padding."""

    offset: int
    size: int
    name: bytes
    """Of the member; that of a header differs from that of its content."""
    digest: bytes


def cuts(blob: Blob, advance: Callable[[int], object]) -> Iterator[Cut]:
    """Yield every cut in order, without a gap; `advance` is told of the bytes hashed."""
    for offset, size, name in _stretches(blob):
        digest = hashlib.sha256()
        for start in range(offset, offset + size, CHUNK):
            part = blob.read(start, min(CHUNK, offset + size - start))
            digest.update(part)
            advance(len(part))
        yield Cut(offset, size, name, digest.digest())


def content_size(header: bytes) -> int:
    """Count the bytes, padding included, that follow a header; -1 if it is none."""
    if header == bytes(BLOCK):
        return 0
    size = header[124:136].rstrip(b"\0 ")
    if header[257:262] != b"ustar" or not re.fullmatch(rb"[0-7]{1,12}", size):
        return -1
    return -(-int(size, 8) // BLOCK) * BLOCK if header[156:157] in b"0\0xg" else 0


def _stretches(blob: Blob) -> Iterator[tuple[int, int, bytes]]:
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
