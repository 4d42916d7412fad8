"""The payloads of a bundle's volumes, read from every file here that holds some of them."""

import base64
import io
import os
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from coldforge.bootstrap.grid import SHORT, Grid, shards_of, starts
from coldforge.bundle.format.index import Index, Piece, Volume
from coldforge.bundle.format.payload import short_hash
from coldforge.bundle.format.volume import Sort
from coldforge.files.digest import CHUNK


class DamageError(Exception):
    """The bytes asked for are in no file here, or none has them right."""


class Holding:
    """One volume's payload."""

    def __init__(self, said: Volume, shard: int) -> None:
        """Start without a file; `said` tells what is right."""
        self.size, self.shard = said.size, shard
        self.count = shards_of(said.size, shard)
        self.carried: list[int] = []
        """Files of the folder, as handles."""
        self.staged: int | None = None
        self._hashes = base64.b64decode(said.shards)

    @property
    def present(self) -> bool:
        """Tell whether any file is there to read."""
        return bool(self.carried) or self.staged is not None

    @property
    def plain(self) -> bool:
        """Tell whether one file of the folder is all there is."""
        return len(self.carried) == 1 and self.staged is None

    def read(self, offset: int, size: int) -> bytes:
        """Read from the folder's file, unproved; raise DamageError if it ends early."""
        return _pread(self.carried[0], size, offset)

    def prove(self, number: int, carried: bool = True) -> bytes | None:
        """Read shard `number` from the first file that has it right, the staged one before others.

        Only from the staged one if not `carried`.
        """
        size = min(self.shard, self.size - number * self.shard)
        right = self._hashes[SHORT * number : SHORT * (number + 1)]
        staged = [] if self.staged is None else [self.staged]
        for handle in [*staged, *(self.carried if carried else [])]:
            try:
                data = _pread(handle, size, number * self.shard)
            except DamageError:
                continue
            if short_hash(data) == right:
                return data
        return None

    def fits(self, number: int, data: bytes) -> bool:
        """Tell whether `data`, padding cut off, is shard `number`."""
        return short_hash(data) == self._hashes[SHORT * number : SHORT * (number + 1)]


class Holdings:
    """All volumes of a bundle; its data shards are numbered through."""

    def __init__(self, index: Index) -> None:
        """Lay out what `index` says, without a file yet."""
        self.shard = index.shard
        self.grid: Grid | None = index.parity
        said: dict[Sort, list[Volume]] = {"data": index.volumes, "parity": index.parity_volumes}
        self.of: dict[Sort, list[Holding]] = {
            sort: [Holding(volume, self.shard) for volume in volumes]
            for sort, volumes in said.items()
        }
        self._starts: dict[Sort, list[int]] = {
            sort: starts([one.size for one in holdings], self.shard)
            for sort, holdings in self.of.items()
        }

    def at(self, sort: Sort, shard: int) -> tuple[int, int] | None:
        """Find the volume (from 0) and its own number of a shard; None beyond the last."""
        first = self._starts[sort]
        if shard >= first[-1]:
            return None
        volume = bisect_right(first, shard) - 1
        return volume, shard - first[volume]

    def shards(self, parts: list[Piece]) -> set[int]:
        """List the numbers of the data shards that some pieces touch."""
        found: set[int] = set()
        for part in parts:
            first = self._starts["data"][part.volume - 1]
            if part.size:
                last = (part.offset + part.size - 1) // self.shard
                found.update(range(first + part.offset // self.shard, first + last + 1))
        return found

    def prove(self, sort: Sort, shard: int) -> bytes | None:
        """Read a shard, proved; None if no file has it right."""
        place = self.at(sort, shard)
        return None if place is None else self.of[sort][place[0]].prove(place[1])

    def stream(self, parts: list[Piece], proved: bool) -> "Stream":
        """Read pieces one after the other; `proved`: shard by shard, from wherever it is right."""
        of = self.of["data"]
        proved = proved or not all(of[part.volume - 1].plain for part in parts)
        return Stream([(of[part.volume - 1], part) for part in parts], proved)


class Stream(io.RawIOBase):
    """The encoded bytes of an item; reading raises DamageError where they cannot be had."""

    def __init__(self, pieces: list[tuple[Holding, Piece]], proved: bool) -> None:
        """Start at the first piece."""
        super().__init__()
        self._pieces = iter(pieces)
        self._now: tuple[Holding, int, int] | None = None
        self._proved = proved
        self._last: tuple[Holding, int, bytes] | None = None

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any buffer
        """Fill some of a buffer; 0 at the end."""
        data = self.some(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def chunks(self) -> Iterator[bytes]:
        """Yield all of it."""
        while data := self.some(CHUNK):
            yield data

    def some(self, most: int) -> bytes:
        """Read up to `most` bytes; none at the end."""
        while self._now is None or self._now[1] == self._now[2]:
            following = next(self._pieces, None)
            if following is None:
                return b""
            holding, part = following
            self._now = holding, part.offset, part.offset + part.size
        holding, offset, end = self._now
        most = min(most, end - offset)
        data = self._shard(holding, offset, most) if self._proved else holding.read(offset, most)
        self._now = holding, offset + len(data), end
        return data

    def _shard(self, holding: Holding, offset: int, most: int) -> bytes:
        number, skip = divmod(offset, holding.shard)
        if self._last is None or self._last[:2] != (holding, number):
            data = holding.prove(number)
            if data is None:
                raise DamageError
            self._last = holding, number, data
        return self._last[2][skip : skip + most]


def _pread(handle: int, size: int, offset: int) -> bytes:
    """Read exactly; a disk that cannot is a damaged one."""
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
