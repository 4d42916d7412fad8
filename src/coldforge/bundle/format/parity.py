"""Reed-Solomon parity of a bundle's volumes, over groups of shards, and reconstruction.

Source: the zfec library (Rizzo's code: systematic, Vandermonde, GF(256)). Rows are its blocks,
data first, then parity.
"""

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from coldforge.bootstrap.grid import HASH_SIZE, ParityGrid, first_shards
from coldforge.bundle.format.index import Volume
from coldforge.bundle.format.payload import BLOCK, ShardHashes, short_hash
from coldforge.errors import ColdforgeError
from coldforge.files.atomic import write_at
from coldforge.progress import amount, step


class Readback:
    """Read and verify the shards of data volumes just written, numbered across volumes."""

    def __init__(self, files: Mapping[Path, Volume], shard: int) -> None:
        """Read `files`, in the order of their volumes."""
        self.shard = shard
        self.size = sum(volume.size for volume in files.values())
        self._starts = first_shards([volume.size for volume in files.values()], shard)
        self._files = [(path, os.open(path, os.O_RDONLY), volume) for path, volume in files.items()]
        self._short = [base64.b64decode(volume.shards) for volume in files.values()]

    def __enter__(self) -> "Readback":
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        for _path, file, _volume in self._files:
            os.close(file)

    def read(self, first: int, count: int) -> bytes:
        """Read `count` shards from `first`, zeros after the end; raise ColdforgeError on damage."""
        found = bytearray()
        for place in range(len(self._files)):
            start = max(first, self._starts[place])
            end = min(first + count, self._starts[place + 1])
            if start < end:
                found += self._read_range(place, start - self._starts[place], end - start)
        return bytes(found.ljust(count * self.shard, b"\0"))

    def _read_range(self, place: int, first: int, count: int) -> bytes:
        path, file, volume = self._files[place]
        start = first * self.shard
        wanted = min(count * self.shard, volume.size - start)
        data = os.pread(file, wanted, start)
        view = memoryview(data)
        short = b"".join(
            short_hash(view[at : at + self.shard]) for at in range(0, len(data), self.shard)
        )
        if short != self._short[place][first * HASH_SIZE : (first + count) * HASH_SIZE]:
            message = f"{path.name.removesuffix('.part')} reads back damaged"
            raise ColdforgeError(message, "remove the folder and use another disk")
        return data.ljust(count * self.shard, b"\0")


BATCH = 1 << 20  # bytes per read: a row of several groups
Buffer = bytes | memoryview


def make(grid: ParityGrid, data: Sequence[Buffer]) -> list[bytes]:
    """Compute the parity shards of a group from its `grid.rows` data shards."""
    numbers = tuple(range(grid.rows, grid.rows + grid.parity))
    encoded: list[bytes] = _encoder(grid).encode(tuple(data), numbers)
    return encoded


def rebuild(grid: ParityGrid, shards: Mapping[int, bytes]) -> list[bytes]:
    """Rebuild all data shards of a group from any `grid.rows` intact shards of it.

    `shards`: row -> bytes; data rows first (0 … rows - 1), then parity. Every shard has
    `grid.shard` bytes, padded with zeros; a row beyond the end of the data is all zeros.

    Raise ValueError if there are too few. A damaged shard is not noticed: check the short hashes
    before and after.
    """
    import zfec

    if unknown := [row for row in shards if not 0 <= row < grid.rows + grid.parity]:
        raise ValueError(f"there is no row {unknown[0]}")
    if any(len(shard) != grid.shard for shard in shards.values()):
        raise ValueError("a shard of another size")
    if len(shards) < grid.rows:
        raise ValueError(f"{len(shards)} shards of a group are left, {grid.rows} are needed")
    rows = sorted(shards)[: grid.rows]
    if rows == list(range(grid.rows)):
        return [shards[row] for row in rows]
    decoder = zfec.Decoder(grid.rows, grid.rows + grid.parity)
    decoded: list[bytes] = decoder.decode(tuple(shards[row] for row in rows), tuple(rows))
    return decoded


def add_parity(
    data: Readback,
    grid: ParityGrid,
    parts: Mapping[Path, int],
    done: int,
    mark: Callable[[int], object],
) -> list[Volume]:
    """Write the parity of `data` into `parts` (file -> size of its payload), in order.

    The first `done` groups are written already; `mark` is called with the number on disk after
    each batch. Memory: one batch, about 260 MB. zfec releases the GIL, so all cores work.
    """
    batch = max(1, BATCH // grid.shard)
    files = [os.open(path, os.O_RDWR | os.O_CREAT, 0o644) for path in parts]
    most = next(iter(parts.values()))
    try:
        with (
            step("Adding parity", data.size) as current,
            ThreadPoolExecutor(os.cpu_count() or 1) as pool,
        ):
            current.advance(data.size * done // grid.groups)
            for first in range(done, grid.groups, batch):
                count = min(batch, grid.groups - first)
                for row, shards in enumerate(_parity_rows(pool, data, grid, first, count)):
                    _write(files, most, shards, (row * grid.groups + first) * grid.shard)
                for file in files:
                    os.fsync(file)
                mark(first + count)
                current.advance(data.size * count / grid.groups)
            current.result = amount(sum(parts.values()))
        for file, size in zip(files, parts.values(), strict=True):
            os.ftruncate(file, size)
    finally:
        for file in files:
            os.close(file)
    return [_hashed(path, grid.shard) for path in parts]


def _parity_rows(
    pool: ThreadPoolExecutor, data: Readback, grid: ParityGrid, first: int, count: int
) -> list[bytes]:
    """Compute each parity row of `count` groups from `first`: their shards, concatenated."""

    def read(row: int) -> memoryview:
        return memoryview(data.read(row * grid.groups + first, count))

    def group(number: int) -> list[bytes]:
        start = number * grid.shard
        return make(grid, [row[start : start + grid.shard] for row in rows])

    rows = list(pool.map(read, range(grid.rows)))
    made = list(pool.map(group, range(count)))
    return [b"".join(shards[row] for shards in made) for row in range(grid.parity)]


def _write(files: list[int], most: int, data: bytes, place: int) -> None:
    """Write at an offset of the whole parity; volumes hold `most` bytes, the last one fewer."""
    view = memoryview(data)
    while view:
        volume, offset = divmod(place, most)
        count = min(len(view), most - offset)
        write_at(files[volume], view[:count], offset)
        view, place = view[count:], place + count


def _hashed(path: Path, shard: int) -> Volume:
    shards = ShardHashes(shard)
    with path.open("rb") as stream:
        while block := stream.read(shard * max(1, BLOCK // shard)):
            shards.add(block)
    return shards.volume()


@cache
def _encoder(grid: ParityGrid) -> Any:  # noqa: ANN401 - zfec has no types
    import zfec

    return zfec.Encoder(grid.rows, grid.rows + grid.parity)
