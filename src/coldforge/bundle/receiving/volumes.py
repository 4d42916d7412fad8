"""Read the payloads of a bundle's volumes from all files that hold parts of them."""

import base64
import io
import os
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from coldforge.bootstrap.grid import HASH_SIZE, ParityGrid, first_shards, shard_count
from coldforge.bundle.format.index import Index, ItemPart, Volume
from coldforge.bundle.format.payload import short_hash
from coldforge.bundle.format.volume import VolumeKind
from coldforge.files.digest import CHUNK


class DamageError(Exception):
    """No file here holds the bytes intact."""


class VolumeReader:
    """Read one volume's payload from any number of copies of it."""

    def __init__(self, expected: Volume, shard: int) -> None:
        """Start without a file; `expected` holds the size and hashes."""
        self.size, self.shard = expected.size, shard
        self.count = shard_count(expected.size, shard)
        self.files: list[int] = []
        """Open handles of files in the bundle's folder."""
        self.staged: int | None = None
        self._hashes = base64.b64decode(expected.shards)

    @property
    def present(self) -> bool:
        """Tell whether any file is there to read."""
        return bool(self.files) or self.staged is not None

    @property
    def single_file(self) -> bool:
        """Tell whether there is one file, and nothing staged."""
        return len(self.files) == 1 and self.staged is None

    def read(self, offset: int, size: int) -> bytes:
        """Read from the folder's file, unverified; raise DamageError if it ends early."""
        return _pread(self.files[0], size, offset)

    def read_shard(self, number: int, staged_only: bool = False) -> bytes | None:
        """Read shard `number` from the first file that holds it intact; None if none does.

        The staged file comes first; with `staged_only` no other is read.
        """
        size = min(self.shard, self.size - number * self.shard)
        expected = self._hashes[HASH_SIZE * number : HASH_SIZE * (number + 1)]
        staged = [] if self.staged is None else [self.staged]
        for handle in [*staged, *([] if staged_only else self.files)]:
            try:
                data = _pread(handle, size, number * self.shard)
            except DamageError:
                continue
            if short_hash(data) == expected:
                return data
        return None

    def matches(self, number: int, data: bytes) -> bool:
        """Tell whether `data`, without padding, is shard `number`."""
        return short_hash(data) == self._hashes[HASH_SIZE * number : HASH_SIZE * (number + 1)]


class VolumeSet:
    """All volumes of a bundle; data shards are numbered across volumes."""

    def __init__(self, index: Index) -> None:
        """Start with the volumes of `index`, without a file."""
        self.shard = index.shard
        self.grid: ParityGrid | None = index.parity
        expected: dict[VolumeKind, list[Volume]] = {
            "data": index.volumes,
            "parity": index.parity_volumes,
        }
        self.readers: dict[VolumeKind, list[VolumeReader]] = {
            kind: [VolumeReader(volume, self.shard) for volume in volumes]
            for kind, volumes in expected.items()
        }
        self._starts: dict[VolumeKind, list[int]] = {
            kind: first_shards([one.size for one in volumes], self.shard)
            for kind, volumes in self.readers.items()
        }

    def locate(self, kind: VolumeKind, shard: int) -> tuple[int, int] | None:
        """Find a shard: its volume (from 0) and number in it; None beyond the last."""
        first = self._starts[kind]
        if shard >= first[-1]:
            return None
        volume = bisect_right(first, shard) - 1
        return volume, shard - first[volume]

    def shards(self, parts: list[ItemPart]) -> set[int]:
        """List the numbers of the data shards that some pieces touch."""
        found: set[int] = set()
        for part in parts:
            first = self._starts["data"][part.volume - 1]
            if part.size:
                last = (part.offset + part.size - 1) // self.shard
                found.update(range(first + part.offset // self.shard, first + last + 1))
        return found

    def read_shard(self, kind: VolumeKind, shard: int) -> bytes | None:
        """Read and verify a shard; None if no file holds it intact."""
        place = self.locate(kind, shard)
        return None if place is None else self.readers[kind][place[0]].read_shard(place[1])

    def stream(self, parts: list[ItemPart], verified: bool) -> "ItemStream":
        """Read pieces in order; `verified`: shard by shard, from any intact copy."""
        of = self.readers["data"]
        verified = verified or not all(of[part.volume - 1].single_file for part in parts)
        return ItemStream([(of[part.volume - 1], part) for part in parts], verified)


class ItemStream(io.RawIOBase):
    """The encoded bytes of an item; reading damaged bytes raises DamageError."""

    def __init__(self, pieces: list[tuple[VolumeReader, ItemPart]], verified: bool) -> None:
        """Start at the first piece."""
        super().__init__()
        self._pieces = iter(pieces)
        self._now: tuple[VolumeReader, int, int] | None = None
        self._verified = verified
        self._last: tuple[VolumeReader, int, bytes] | None = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        """Fill part of a buffer; return the byte count, 0 at the end."""
        data = self.read_some(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes in chunks."""
        while data := self.read_some(CHUNK):
            yield data

    def read_some(self, limit: int) -> bytes:
        """Read up to `limit` bytes; empty at the end."""
        while self._now is None or self._now[1] == self._now[2]:
            following = next(self._pieces, None)
            if following is None:
                return b""
            reader, part = following
            self._now = reader, part.offset, part.offset + part.size
        reader, offset, end = self._now
        limit = min(limit, end - offset)
        data = self._shard(reader, offset, limit) if self._verified else reader.read(offset, limit)
        self._now = reader, offset + len(data), end
        return data

    def _shard(self, reader: VolumeReader, offset: int, limit: int) -> bytes:
        number, skip = divmod(offset, reader.shard)
        if self._last is None or self._last[:2] != (reader, number):
            data = reader.read_shard(number)
            if data is None:
                raise DamageError
            self._last = reader, number, data
        return self._last[2][skip : skip + limit]


def _pread(handle: int, size: int, offset: int) -> bytes:
    """Read exactly `size` bytes; raise DamageError if the disk cannot."""
    try:
        data = os.pread(handle, size, offset)
        while 0 < len(data) < size:
            more = os.pread(handle, size - len(data), offset + len(data))
            if not more:
                break
            data += more
    except OSError as error:
        raise DamageError from error
    if len(data) != size:
        raise DamageError
    return data
