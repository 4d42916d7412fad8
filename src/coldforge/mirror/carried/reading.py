"""Read a file once, from front to end: hashed on the way, decompressed, within limits."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tarfile import TarError
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple, cast
from zipfile import BadZipFile

from coldforge.errors import ColdforgeError
from coldforge.files.digest import CHUNK
from coldforge.progress import amount

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GZIP, XZ, BZIP2 = b"\x1f\x8b", b"\xfd7zXZ\0", b"BZh"
# RuntimeError: zipfile's word for what is encrypted, or compressed in a way it does not know.
DAMAGE = (TarError, BadZipFile, gzip.BadGzipFile, lzma.LZMAError, zlib.error, RuntimeError)


def damage(name: str, why: str) -> ColdforgeError:
    """Make the error for a file that is incomplete or damaged."""
    return ColdforgeError(f"{name} {why}", "copy it again and compare its size with the source's")


class ReadLimits(NamedTuple):
    """How much a file may hold; the largest known ones hold a tenth of it."""

    size: int = 64 << 30
    """Bytes inside."""
    members: int = 500_000
    ratio: int = 100
    """Bytes inside for each byte of the file. Software is below 10."""
    free: int = 64 << 20
    """Bytes inside that are always allowed."""

    def check(self, name: str, inside: int, size: int) -> None:
        """Refuse `inside` bytes in a file of `size` bytes if that is more than the limits."""
        if inside > min(self.size, max(self.free, self.ratio * size)):
            message = f"{name} has {amount(size)} and holds {amount(inside)} or more: a bomb"
            raise ColdforgeError(message, "take the file from its publisher")


class HashedFile(io.RawIOBase):
    """The file's own bytes, hashed as they go by."""

    def __init__(self, stream: BinaryIO, advance: Callable[[int], None] | None = None) -> None:
        """Read from `stream`; call `advance` with the bytes of each chunk."""
        self.stream, self.advance = stream, advance
        self.sha256 = hashlib.sha256()
        self.size = os.fstat(stream.fileno()).st_size

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read into `buffer`, hashing."""
        view = memoryview(buffer)
        data = self._next(len(view))
        view[: len(data)] = data
        return len(data)

    def finish(self) -> str:
        """Read what is left; return the sha256 of the whole file, hex."""
        while self._next(CHUNK):
            pass
        return self.sha256.hexdigest()

    def _next(self, size: int) -> bytes:
        data = self.stream.read(size)
        self.sha256.update(data)
        if self.advance:
            self.advance(len(data))
        return data


class ArchivePart(io.RawIOBase):
    """The next bytes of a file, with their MD5: what makeself writes down."""

    def __init__(self, source: HashedFile, size: int) -> None:
        """Read the next `size` bytes of `source`."""
        self.source, self.size, self.left = source, size, size
        self.md5 = hashlib.md5(usedforsecurity=False)

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Read into `buffer`, hashing."""
        view = memoryview(buffer)[: self.left]
        count = self.source.readinto(view)
        self.md5.update(view[:count])
        self.left -= count
        return count

    def finish(self) -> str:
        """Read what is left; return the MD5 of all, hex."""
        buffer = bytearray(CHUNK)
        while self.left and self.readinto(buffer):
            pass
        return self.md5.hexdigest()


class Decompressed:
    """The bytes inside a compressed file, counted against limits."""

    def __init__(
        self, source: HashedFile | ArchivePart, first: bytes, name: str, limits: ReadLimits
    ) -> None:
        """Decompress `source`, whose first bytes are `first`."""
        self.size, self.name, self.limits = source.size, name, limits
        self.stream = _decompressed(io.BufferedReader(source, CHUNK), first)
        self.count = 0
        self.data_ends = 0
        """Where the last byte lies that is not zero."""

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes."""
        data = self.stream.read(size)
        if used := len(data.rstrip(b"\0")):
            self.data_ends = self.count + used
        self.count += len(data)
        self.limits.check(self.name, self.count, self.size)
        return data

    def drain(self) -> None:
        """Read to the end, so that checksums are compared."""
        while self.read(CHUNK):
            pass


def _decompressed(source: io.BufferedReader, first: bytes) -> IO[bytes]:
    if first.startswith(GZIP):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=source))
    if first.startswith(XZ):
        return lzma.LZMAFile(source)
    if first.startswith(BZIP2):
        return bz2.BZ2File(source)
    return source


@contextmanager
def reporting(name: str) -> Iterator[None]:
    """Raise a one-line ColdforgeError for a file that is cut off or damaged."""
    try:
        yield
    except EOFError as error:
        raise damage(name, "is cut off: it ends early") from error
    except DAMAGE as error:
        raise damage(name, f"is damaged: {' '.join(str(error).split())}") from error
