"""Shards that are wrong or not there, rebuilt from the others of their group."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from coldforge.bootstrap.grid import Grid
from coldforge.bundle.format import parity
from coldforge.bundle.format.volume import Sort
from coldforge.bundle.receiving.staging import Staging
from coldforge.bundle.receiving.volumes import Holdings
from coldforge.progress import amount, say, step

WORKERS = 2  # groups at a time; each takes some 30 MB of memory, of large bundles more


class Repair:
    """The repair of one bundle; what it rebuilds goes into the staging."""

    def __init__(self, holdings: Holdings, staging: Staging) -> None:
        """Begin without having rebuilt anything."""
        self.holdings, self.staging = holdings, staging
        self.mended: Counter[int] = Counter()
        """Volume (from 1) -> shards of it that were rebuilt."""
        self.short: dict[int, int] = {}
        """Group -> how many right shards more, of any volume, it needs."""
        self.lost: set[int] = set()
        """Data shards that no file had right, and that could not be rebuilt."""

    def hopeful(self, wanted: Iterable[int]) -> bool:
        """Tell whether the volumes at hand, were they all right, would do for shards `wanted`."""
        grid = self.holdings.grid
        absent = [shard for shard in wanted if not self._present("data", shard)]
        if grid is None:
            return not absent
        groups = {shard % grid.groups for shard in absent}
        return all(self._reach(grid, group) >= grid.rows for group in groups)

    def mend(self, wanted: set[int]) -> None:
        """Rebuild those of the data shards `wanted` that no file has right, where that can be."""
        self.lost = self._bad(wanted)
        self.short.clear()
        grid = self.holdings.grid
        if not self.lost or grid is None:
            return
        before = Counter(self.mended)
        groups = sorted({shard % grid.groups for shard in self.lost})
        with step("Repairing", len(groups), "groups") as current:
            for group, rows in self._each(grid, groups):
                self._keep(grid, group, rows)
                current.advance(1)
            current.result = amount((self.mended - before).total(), "shards")
        for volume, count in sorted((self.mended - before).items()):
            size = min(count * self.holdings.shard, self.holdings.of["data"][volume - 1].size)
            say(f"repaired {count} shards of volume {volume} ({amount(size)})")

    def _bad(self, wanted: set[int]) -> set[int]:
        """Tell which shards no file has right."""
        found, size = set(), self.holdings.shard
        with step("Looking for damage", len(wanted) * size) as current:
            for shard in sorted(wanted):
                if self.holdings.prove("data", shard) is None:
                    found.add(shard)
                current.advance(size)
            current.result = f"{len(found)} of {len(wanted)} shards"
        return found

    def _present(self, sort: Sort, shard: int) -> bool:
        place = self.holdings.at(sort, shard)
        return place is not None and self.holdings.of[sort][place[0]].present

    def _reach(self, grid: Grid, group: int) -> int:
        """Count the shards of a group that may be right, without reading any."""
        count = 0
        for row in range(grid.rows):
            shard = row * grid.groups + group
            count += self.holdings.at("data", shard) is None or self._present("data", shard)
        for row in range(grid.parity):
            count += self._present("parity", row * grid.groups + group)
        return count

    def _each(self, grid: Grid, groups: list[int]) -> Iterator[tuple[int, list[bytes]]]:
        """Rebuild groups, some at a time: zfec lets other threads run."""
        with ThreadPoolExecutor(WORKERS) as pool:
            for start in range(0, len(groups), WORKERS):
                some = groups[start : start + WORKERS]
                yield from zip(some, pool.map(self._rows, [grid] * len(some), some), strict=True)

    def _rows(self, grid: Grid, group: int) -> list[bytes]:
        """Rebuild the data shards of a group; none if it lacks right ones, and note how many."""
        count, found = self._reach(grid, group), {}
        if count >= grid.rows:
            found = self._collect(grid, group)
            count = len(found)
        if count < grid.rows:
            self.short[group] = grid.rows - count
            return []
        return parity.rebuild(grid, found)

    def _keep(self, grid: Grid, group: int, rows: list[bytes]) -> None:
        """Put those into the staging that were lost."""
        for row, padded in enumerate(rows):
            shard = row * grid.groups + group
            place = self.holdings.at("data", shard)
            if place and shard in self.lost and self._put(*place, padded):
                self.lost.remove(shard)

    def _put(self, volume: int, number: int, padded: bytes) -> bool:
        holding = self.holdings.of["data"][volume]
        data = padded[: min(holding.shard, holding.size - number * holding.shard)]
        if not holding.fits(number, data):
            return False
        self.staging.put("data", volume + 1, number, data)
        self.mended[volume + 1] += 1
        return True

    def _collect(self, grid: Grid, group: int) -> dict[int, bytes]:
        """Read right shards of a group, padded, until they are enough: row -> bytes."""
        found: dict[int, bytes] = {}
        for row in range(grid.rows + grid.parity):
            if len(found) == grid.rows:
                break
            sort: Sort = "data" if row < grid.rows else "parity"
            shard = (row if sort == "data" else row - grid.rows) * grid.groups + group
            if sort == "data" and self.holdings.at(sort, shard) is None:
                found[row] = bytes(grid.shard)
            elif (data := self.holdings.prove(sort, shard)) is not None:
                found[row] = data.ljust(grid.shard, b"\0")
        return found
