"""Parity of a bundle's volumes, by Reed-Solomon over groups of shards; and back from it.

Source: the zfec library (Rizzo's code: systematic, Vandermonde, GF(256)). Rows are its blocks:
data first, then parity.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from coldforge.bootstrap.grid import Grid
from coldforge.bundle.format.index import Volume
from coldforge.bundle.format.payload import BLOCK, Shards
from coldforge.bundle.format.readback import Readback
from coldforge.files.atomic import write_at
from coldforge.progress import amount, step

BATCH = 1 << 20  # bytes of a read: a row of several groups at once
Buffer = bytes | memoryview


def make(grid: Grid, data: Sequence[Buffer]) -> list[bytes]:
    """Give the parity shards of one group, whose `grid.rows` data shards are all given."""
    numbers = tuple(range(grid.rows, grid.rows + grid.parity))
    encoded: list[bytes] = _encoder(grid).encode(tuple(data), numbers)
    return encoded


def rebuild(grid: Grid, shards: Mapping[int, bytes]) -> list[bytes]:
    """Give all data shards of one group, from any `grid.rows` right ones of its shards.

    `shards`: row -> bytes; rows count data first (0 … rows - 1), then parity. A row beyond the
    end of the data is `grid.shard` zeros, and right. Every shard has `grid.shard` bytes: a
    payload's last one is padded with zeros, and comes back so.

    Raise ValueError if there are too few. A wrong shard among them is not noticed: check the
    short hashes before, and after.
    """
    import zfec

    if strange := [row for row in shards if not 0 <= row < grid.rows + grid.parity]:
        raise ValueError(f"there is no row {strange[0]}")
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
    data: Readback, grid: Grid, parts: Mapping[Path, int], done: int, mark: Callable[[int], object]
) -> list[Volume]:
    """Write the parity of `data` into `parts` (file -> bytes of its payload), in their order.

    `done` groups are written already; `mark` is told of each more that is on disk. Memory: one
    batch, about 260 MB. zfec lets other threads run, so all cores work.
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
                for row, stretch in enumerate(_stretches(pool, data, grid, first, count)):
                    _write(files, most, stretch, (row * grid.groups + first) * grid.shard)
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


def _stretches(
    pool: ThreadPoolExecutor, data: Readback, grid: Grid, first: int, count: int
) -> list[bytes]:
    """Give each parity row of `count` groups from `first`, their shards one after the other."""

    def read(row: int) -> memoryview:
        return memoryview(data.read(row * grid.groups + first, count))

    def group(number: int) -> list[bytes]:
        start = number * grid.shard
        return make(grid, [row[start : start + grid.shard] for row in rows])

    rows = list(pool.map(read, range(grid.rows)))
    made = list(pool.map(group, range(count)))
    return [b"".join(shards[row] for shards in made) for row in range(grid.parity)]


def _write(files: list[int], most: int, stretch: bytes, place: int) -> None:
    """Write at an offset of all parity; a volume holds `most` bytes of it, the last one less."""
    view = memoryview(stretch)
    while view:
        volume, offset = divmod(place, most)
        count = min(len(view), most - offset)
        write_at(files[volume], view[:count], offset)
        view, place = view[count:], place + count


def _hashed(path: Path, shard: int) -> Volume:
    shards = Shards(shard)
    with path.open("rb") as stream:
        while block := stream.read(shard * max(1, BLOCK // shard)):
            shards.add(block)
    return shards.volume()


@cache
def _encoder(grid: Grid) -> Any:  # noqa: ANN401 - zfec tells no types
    import zfec

    return zfec.Encoder(grid.rows, grid.rows + grid.parity)
