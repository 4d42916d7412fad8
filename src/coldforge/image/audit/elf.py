"""The dynamic section of a shared library: its name, the libraries and symbol versions it needs.

Source: System V ABI, chapters 4 and 5; LSB core, "Symbol Versioning". 64 bit, little endian.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from coldforge.errors import ColdforgeError

MAGIC = b"\x7fELF"
KIND = b"\x02\x01"  # 64 bit, little endian
HEADER = struct.Struct("<16xHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
PAIR = struct.Struct("<qQ")
LOAD, DYNAMIC = 1, 2
END, NEEDED, STRTAB, STRSZ, SONAME, RPATH, RUNPATH = 0, 1, 5, 10, 14, 15, 29
VERDEF, VERDEFNUM, VERNEED, VERNEEDNUM = 0x6FFFFFFC, 0x6FFFFFFD, 0x6FFFFFFE, 0x6FFFFFFF
MOST = 1 << 26  # bytes of a table; more is damage


class Elf(msgspec.Struct, frozen=True):
    """The dynamic section of a program or library; empty where it has none."""

    soname: str = ""
    needed: list[str] = []
    search: list[str] = []
    """RUNPATH, or RPATH where there is none."""
    needs: dict[str, list[str]] = {}
    """Library -> symbol versions needed of it."""
    defines: list[str] = []
    """Symbol versions it offers."""


def read_elf(stream: BinaryIO, name: str, start: int = 0) -> Elf:
    """Read the ELF file `name` that begins at `start`; raise ColdforgeError if it is damaged."""
    try:
        return _Reader(stream, start).read()
    except (struct.error, ValueError, OverflowError) as error:
        raise ColdforgeError(f"{name} is not a sound 64-bit ELF file: {error}") from error


class _Reader:
    def __init__(self, stream: BinaryIO, start: int) -> None:
        self.stream, self.start = stream, start
        self.loads: list[tuple[int, int, int]] = []  # address, offset, size
        self.strings = b""

    def read(self) -> Elf:
        """Find the dynamic section and what it points to."""
        pairs = self._dynamic()
        one = dict(reversed(pairs))
        if STRTAB not in one:
            return Elf()
        self.strings = self._bytes(self._offset(one[STRTAB]), one.get(STRSZ, 0))
        search = one.get(RUNPATH, one.get(RPATH))
        return Elf(
            soname=self._string(one[SONAME]) if SONAME in one else "",
            needed=[self._string(value) for tag, value in pairs if tag == NEEDED],
            search=[] if search is None else [p for p in self._string(search).split(":") if p],
            needs=self._needs(one) if VERNEED in one else {},
            defines=self._defines(one) if VERDEF in one else [],
        )

    def _dynamic(self) -> list[tuple[int, int]]:
        """Read the segments; list the dynamic section's pairs."""
        if self._bytes(0, 6) != MAGIC + KIND:
            raise ValueError("another kind of file")
        header = HEADER.unpack(self._bytes(0, HEADER.size))
        offset, size, count = header[4], header[8], header[9]
        pairs: list[tuple[int, int]] = []
        for number in range(count):
            kind, _, at, address, _, length, *_ = SEGMENT.unpack(
                self._bytes(offset + number * size, SEGMENT.size)
            )
            if kind == LOAD:
                self.loads.append((address, at, length))
            elif kind == DYNAMIC:
                pairs = list(PAIR.iter_unpack(self._bytes(at, length // PAIR.size * PAIR.size)))
        tags = [tag for tag, _ in pairs]
        return pairs[: tags.index(END)] if END in tags else pairs

    def _needs(self, one: dict[int, int]) -> dict[str, list[str]]:
        """Walk the versions needed: a chain of libraries, each with a chain of versions."""
        found: dict[str, list[str]] = {}
        at = self._offset(one[VERNEED])
        for _ in range(one.get(VERNEEDNUM, 0)):
            _, count, file, first, following = struct.unpack("<HHIII", self._bytes(at, 16))
            versions = [self._string(name) for name in self._versions(at + first, count)]
            found[self._string(file)] = sorted(versions)
            if not following:  # the last; the count may be damage
                break
            at += following
        return found

    def _defines(self, one: dict[int, int]) -> list[str]:
        """Walk the versions defined; the first name of each is its own."""
        found: list[str] = []
        at = self._offset(one[VERDEF])
        for _ in range(one.get(VERDEFNUM, 0)):
            first, following = struct.unpack("<12xII", self._bytes(at, 20))
            (name,) = struct.unpack("<I", self._bytes(at + first, 4))
            found.append(self._string(name))
            if not following:
                break
            at += following
        return sorted(set(found))

    def _versions(self, at: int, count: int) -> Iterator[int]:
        for _ in range(count):
            name, following = struct.unpack("<8xII", self._bytes(at, 16))
            yield name
            if not following:
                break
            at += following

    def _offset(self, address: int) -> int:
        for start, offset, size in self.loads:
            if start <= address < start + size:
                return address - start + offset
        raise ValueError("an address outside of every segment")

    def _string(self, at: int) -> str:
        return self.strings[at : self.strings.index(b"\0", at)].decode()

    def _bytes(self, at: int, size: int) -> bytes:
        if size > MOST:
            raise ValueError("a table of impossible size")
        self.stream.seek(self.start + at)
        data = self.stream.read(size)
        if len(data) != size:
            raise ValueError("it ends early")
        return data
