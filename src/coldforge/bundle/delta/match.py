"""Find in one layer the stretches that another has, and for the rest where its relatives lie."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import NamedTuple

from coldforge.bundle.delta.tar_chunks import Blob, Cut, cuts

LEAST = 4096  # bytes; a smaller stretch is not looked for under another name
SHORT = 16384  # bytes of a copy between new bytes that are better packed with them
PIECE = 32 << 20  # new bytes packed together
NEAR = 1 << 20  # bytes of the base that even the smallest piece may look at


class Step(NamedTuple):
    """A stretch of the new layer: a copy out of the base, or new bytes that are like a region."""

    size: int
    base: int
    region: int
    """Bytes of the base from `base` that the new ones are like; -1: this is a copy."""


class _Base:
    """What the base has, and where."""

    def __init__(self, blob: Blob) -> None:
        self.size = blob.size
        self.at: dict[int, bytes] = {}
        self.named: dict[bytes, Cut] = {}
        self.places: dict[bytes, list[int]] = {}
        for cut in cuts(blob, lambda count: None):
            self.at[cut.offset] = cut.digest
            self.named.setdefault(cut.name, cut)
            if cut.size >= LEAST:
                self.places.setdefault(cut.digest, []).append(cut.offset)

    def place(self, cut: Cut, near: int) -> int:
        """Tell where the base has these very bytes, best at `near`; -1 if nowhere."""
        if self.at.get(near) == cut.digest:
            return near
        named = self.named.get(cut.name)
        if named and named.digest == cut.digest:
            return named.offset
        places = self.places.get(cut.digest, [])
        after = bisect_left(places, near)
        nearest = places[max(0, after - 1) : after + 1]
        return min(nearest, key=lambda place: abs(place - near), default=-1)


class _Run:
    """Cuts in a row that are all copied, end to end, or all new; where each belongs in the base."""

    def __init__(self, copied: bool, base: int) -> None:
        self.copied, self.size, self.base = copied, 0, base
        self.relatives: list[tuple[int, int, int]] = []
        """Of each cut: its size, and the offset and size of the base's relative."""

    def add(self, cut: Cut, base: int, stretch: int) -> None:
        self.size += cut.size
        self.relatives.append((cut.size, base, stretch))


def match(base: Blob, new: Blob, advance: Callable[[int], object]) -> Iterator[Step]:
    """Yield the steps that make `new`, in order; `advance` is told of its bytes when read."""
    has = _Base(base)
    for run in _joined(_runs(has, new, advance)):
        if run.copied:
            yield Step(run.size, run.base, -1)
        else:
            yield from _pieces(run.relatives, has.size)


def _runs(has: _Base, new: Blob, advance: Callable[[int], object]) -> Iterator[_Run]:
    run: _Run | None = None
    expected = 0
    for cut in cuts(new, advance):
        place = has.place(cut, expected)
        copied, stretch = place >= 0, cut.size
        if not copied:
            relative = has.named.get(cut.name)
            place, stretch = relative[:2] if relative else (min(expected, has.size), cut.size)
        if run is None or run.copied != copied or (copied and place != expected):
            if run:
                yield run
            run = _Run(copied, place)
        run.add(cut, place, stretch)
        expected = place + stretch
    if run:
        yield run


def _joined(runs: Iterator[_Run]) -> Iterator[_Run]:
    """Take copies that are too short to be worth it as new bytes, with their neighbours."""
    last: _Run | None = None
    for run in runs:
        run.copied = run.copied and run.size >= SHORT
        if last and not last.copied and not run.copied:
            last.size += run.size
            last.relatives += run.relatives
        else:
            if last:
                yield last
            last = run
    if last:
        yield last


def _pieces(relatives: list[tuple[int, int, int]], limit: int) -> Iterator[Step]:
    """Cut new bytes into pieces whose relatives lie together; `limit`: the base's size."""
    size, low, high = 0, 0, 0
    for more, start, end in _small(relatives):
        if size and (
            size + more > PIECE or max(high, end) - min(low, start) > 2 * (size + more) + NEAR
        ):
            yield _step(size, low, high, limit)
            size = 0
        low, high = (min(low, start), max(high, end)) if size else (start, end)
        size += more
    yield _step(size, low, high, limit)


def _small(relatives: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """Split what is longer than a piece, and its relative in proportion; give size, start, end."""
    for size, base, stretch in relatives:
        for start in range(0, size, PIECE):
            end = min(size, start + PIECE)
            yield end - start, base + stretch * start // size, base + stretch * end // size


def _step(size: int, low: int, high: int, limit: int) -> Step:
    low, high = min(limit, max(0, low - size // 4)), min(limit, high + size // 4)
    return Step(size, low, max(0, min(high - low, most_region(size))))


def most_region(size: int) -> int:
    """Limit the bytes of the base that a piece may look at: the work is to follow its size."""
    return 3 * size + NEAR
