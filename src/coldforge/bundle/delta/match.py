"""Find the ranges of a layer that a base has too, and the similar parts for the rest."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import NamedTuple

from coldforge.bundle.delta.tar_chunks import BlobReader, Chunk, chunks

MIN_MATCH = 4096  # bytes; smaller chunks are not looked up under other names
MIN_COPY = 16384  # bytes; a shorter copy between new bytes is compressed with them
MAX_PIECE = 32 << 20  # new bytes compressed together
MIN_REGION = 1 << 20  # bytes of the base that even the smallest piece may use


class DeltaStep(NamedTuple):
    """A range of the new layer: a copy from the base, or new bytes similar to a region of it."""

    size: int
    base: int
    region: int
    """Bytes of the base from `base` that the new bytes are similar to; -1 for a copy."""


class _BaseIndex:
    """The chunks of the base, by offset, name and digest."""

    def __init__(self, blob: BlobReader) -> None:
        self.size = blob.size
        self.at: dict[int, bytes] = {}
        self.named: dict[bytes, Chunk] = {}
        self.places: dict[bytes, list[int]] = {}
        for chunk in chunks(blob, lambda count: None):
            self.at[chunk.offset] = chunk.digest
            self.named.setdefault(chunk.name, chunk)
            if chunk.size >= MIN_MATCH:
                self.places.setdefault(chunk.digest, []).append(chunk.offset)

    def place(self, chunk: Chunk, near: int) -> int:
        """Find identical bytes in the base, closest to offset `near`; -1 if there are none."""
        if self.at.get(near) == chunk.digest:
            return near
        named = self.named.get(chunk.name)
        if named and named.digest == chunk.digest:
            return named.offset
        places = self.places.get(chunk.digest, [])
        after = bisect_left(places, near)
        nearest = places[max(0, after - 1) : after + 1]
        return min(nearest, key=lambda place: abs(place - near), default=-1)


class _Run:
    """Consecutive chunks that are all copied contiguously, or all new."""

    def __init__(self, copied: bool, base: int) -> None:
        self.copied, self.size, self.base = copied, 0, base
        self.similar: list[tuple[int, int, int]] = []
        """Of each chunk: its size, and offset and size of the similar chunk of the base."""

    def add(self, chunk: Chunk, base: int, length: int) -> None:
        self.size += chunk.size
        self.similar.append((chunk.size, base, length))


def match(
    base: BlobReader, new: BlobReader, advance: Callable[[int], object]
) -> Iterator[DeltaStep]:
    """Yield the steps that make `new`, in order; `advance` gets the bytes read."""
    has = _BaseIndex(base)
    for run in _joined(_runs(has, new, advance)):
        if run.copied:
            yield DeltaStep(run.size, run.base, -1)
        else:
            yield from _pieces(run.similar, has.size)


def _runs(has: _BaseIndex, new: BlobReader, advance: Callable[[int], object]) -> Iterator[_Run]:
    run: _Run | None = None
    expected = 0
    for chunk in chunks(new, advance):
        place = has.place(chunk, expected)
        copied, length = place >= 0, chunk.size
        if not copied:
            other = has.named.get(chunk.name)
            place, length = other[:2] if other else (min(expected, has.size), chunk.size)
        if run is None or run.copied != copied or (copied and place != expected):
            if run:
                yield run
            run = _Run(copied, place)
        run.add(chunk, place, length)
        expected = place + length
    if run:
        yield run


def _joined(runs: Iterator[_Run]) -> Iterator[_Run]:
    """Turn copies that are too short into new bytes, merged with their neighbours."""
    last: _Run | None = None
    for run in runs:
        run.copied = run.copied and run.size >= MIN_COPY
        if last and not last.copied and not run.copied:
            last.size += run.size
            last.similar += run.similar
        else:
            if last:
                yield last
            last = run
    if last:
        yield last


def _pieces(similar: list[tuple[int, int, int]], limit: int) -> Iterator[DeltaStep]:
    """Split new bytes into pieces whose similar chunks are close; `limit`: the base's size."""
    size, low, high = 0, 0, 0
    for more, start, end in _small(similar):
        if size and (
            size + more > MAX_PIECE
            or max(high, end) - min(low, start) > 2 * (size + more) + MIN_REGION
        ):
            yield _step(size, low, high, limit)
            size = 0
        low, high = (min(low, start), max(high, end)) if size else (start, end)
        size += more
    yield _step(size, low, high, limit)


def _small(similar: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Split chunks longer than a piece, and the similar ones in proportion: size, start, end."""
    for size, base, length in similar:
        for start in range(0, size, MAX_PIECE):
            end = min(size, start + MAX_PIECE)
            yield end - start, base + length * start // size, base + length * end // size


def _step(size: int, low: int, high: int, limit: int) -> DeltaStep:
    low, high = min(limit, max(0, low - size // 4)), min(limit, high + size // 4)
    return DeltaStep(size, low, max(0, min(high - low, max_region(size))))


def max_region(size: int) -> int:
    """Limit the bytes of the base that a piece may use, in proportion to its size."""
    return 3 * size + MIN_REGION
