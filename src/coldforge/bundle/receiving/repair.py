"""Rebuild damaged or missing shards from the others of their group."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from coldforge.bootstrap.grid import ParityGrid
from coldforge.bundle.format import parity
from coldforge.bundle.format.volume import VolumeKind
from coldforge.bundle.receiving.staging import Staging
from coldforge.bundle.receiving.volumes import VolumeSet
from coldforge.progress import amount, say, step

WORKERS = 2  # groups at a time; each takes some 30 MB of memory, of large bundles more


class Repair:
    """The repair of one bundle; rebuilt shards are written to the staging."""

    def __init__(self, volumes: VolumeSet, staging: Staging) -> None:
        """Start with nothing rebuilt."""
        self.volumes, self.staging = volumes, staging
        self.repaired: Counter[int] = Counter()
        """Volume (from 1) -> number of shards rebuilt."""
        self.shards_needed: dict[int, int] = {}
        """Group -> how many more intact shards, of any volume, it needs."""
        self.lost: set[int] = set()
        """Data shards that are damaged in every file and could not be rebuilt."""

    def is_possible(self, wanted: Iterable[int]) -> bool:
        """Tell whether the volumes here, if undamaged, are enough for shards `wanted`."""
        grid = self.volumes.grid
        absent = [shard for shard in wanted if not self._present("data", shard)]
        if grid is None:
            return not absent
        groups = {shard % grid.groups for shard in absent}
        return all(self._count_present(grid, group) >= grid.rows for group in groups)

    def repair_shards(self, wanted: set[int]) -> None:
        """Rebuild damaged data shards among `wanted`, as far as parity allows."""
        self.lost = self._damaged(wanted)
        self.shards_needed.clear()
        grid = self.volumes.grid
        if not self.lost or grid is None:
            return
        before = Counter(self.repaired)
        groups = sorted({shard % grid.groups for shard in self.lost})
        with step("Repairing", len(groups), "groups") as current:
            for group, rows in self._rebuild_groups(grid, groups):
                self._stage(grid, group, rows)
                current.advance(1)
            current.result = amount((self.repaired - before).total(), "shards")
        for volume, count in sorted((self.repaired - before).items()):
            size = min(count * self.volumes.shard, self.volumes.readers["data"][volume - 1].size)
            say(f"repaired {count} shards of volume {volume} ({amount(size)})")

    def _damaged(self, wanted: set[int]) -> set[int]:
        """Return the shards that no file holds intact."""
        found, size = set(), self.volumes.shard
        with step("Looking for damage", len(wanted) * size) as current:
            for shard in sorted(wanted):
                if self.volumes.read_shard("data", shard) is None:
                    found.add(shard)
                current.advance(size)
            current.result = f"{len(found)} of {len(wanted)} shards"
        return found

    def _present(self, kind: VolumeKind, shard: int) -> bool:
        place = self.volumes.locate(kind, shard)
        return place is not None and self.volumes.readers[kind][place[0]].present

    def _count_present(self, grid: ParityGrid, group: int) -> int:
        """Count the shards of a group that are present, without reading any."""
        count = 0
        for row in range(grid.rows):
            shard = row * grid.groups + group
            count += self.volumes.locate("data", shard) is None or self._present("data", shard)
        for row in range(grid.parity):
            count += self._present("parity", row * grid.groups + group)
        return count

    def _rebuild_groups(
        self, grid: ParityGrid, groups: list[int]
    ) -> Iterator[tuple[int, list[bytes]]]:
        """Rebuild groups, several at a time: zfec releases the GIL."""
        with ThreadPoolExecutor(WORKERS) as pool:
            for start in range(0, len(groups), WORKERS):
                some = groups[start : start + WORKERS]
                yield from zip(some, pool.map(self._rebuild, [grid] * len(some), some), strict=True)

    def _rebuild(self, grid: ParityGrid, group: int) -> list[bytes]:
        """Rebuild a group's data shards; if too few are intact, [] and note how many."""
        count, found = self._count_present(grid, group), {}
        if count >= grid.rows:
            found = self._collect(grid, group)
            count = len(found)
        if count < grid.rows:
            self.shards_needed[group] = grid.rows - count
            return []
        return parity.rebuild(grid, found)

    def _stage(self, grid: ParityGrid, group: int, rows: list[bytes]) -> None:
        """Stage the rebuilt shards that were lost."""
        for row, padded in enumerate(rows):
            shard = row * grid.groups + group
            place = self.volumes.locate("data", shard)
            if place and shard in self.lost and self._stage_shard(*place, padded):
                self.lost.remove(shard)

    def _stage_shard(self, volume: int, number: int, padded: bytes) -> bool:
        reader = self.volumes.readers["data"][volume]
        data = padded[: min(reader.shard, reader.size - number * reader.shard)]
        if not reader.matches(number, data):
            return False
        self.staging.write_shard("data", volume + 1, number, data)
        self.repaired[volume + 1] += 1
        return True

    def _collect(self, grid: ParityGrid, group: int) -> dict[int, bytes]:
        """Read intact shards of a group, padded, until there are enough: row -> bytes."""
        found: dict[int, bytes] = {}
        for row in range(grid.rows + grid.parity):
            if len(found) == grid.rows:
                break
            kind: VolumeKind = "data" if row < grid.rows else "parity"
            shard = (row if kind == "data" else row - grid.rows) * grid.groups + group
            if kind == "data" and self.volumes.locate(kind, shard) is None:
                found[row] = bytes(grid.shard)
            elif (data := self.volumes.read_shard(kind, shard)) is not None:
                found[row] = data.ljust(grid.shard, b"\0")
        return found
