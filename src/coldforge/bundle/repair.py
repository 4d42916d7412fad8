"""Shards that are wrong or not there, rebuilt from the others of their group."""

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from coldforge.bootstrap.grid import Grid
from coldforge.bundle import parity
from coldforge.bundle.holding import Holdings
from coldforge.bundle.staging import Staging
from coldforge.progress import say, step


class Mended(msgspec.Struct):
    """What a repair did, and where it could not."""

    shards: Counter[int]
    """Volume (from 1) -> shards of it that were rebuilt."""
    short: dict[int, int]
    """Group -> how many right shards more, of any volume, it needs."""


def reach(holdings: Holdings, grid: Grid, group: int) -> int:
    """Count the shards of a group that may be right: no file is read. Enough are `grid.rows`."""
    count = 0
    for row in range(grid.rows):
        place = holdings.at("data", row * grid.groups + group)
        count += place is None or holdings.of["data"][place[0]].present
    for row in range(grid.parity):
        place = holdings.at("parity", row * grid.groups + group)
        count += place is not None and holdings.of["parity"][place[0]].present
    return count


def hopeful(holdings: Holdings, wanted: Iterable[int]) -> bool:
    """Tell whether the volumes at hand, were they all right, would do for data shards `wanted`."""
    grid = holdings.grid
    absent = [
        shard
        for shard in wanted
        if (place := holdings.at("data", shard)) and not holdings.of["data"][place[0]].present
    ]
    if grid is None:
        return not absent
    groups = {shard % grid.groups for shard in absent}
    return all(reach(holdings, grid, group) >= grid.rows for group in groups)


def mend(holdings: Holdings, wanted: set[int], staging: Staging) -> Mended:
    """Rebuild those of the data shards `wanted` that no file has right, into the staging."""
    mended = Mended(Counter(), {})
    with step("Looking for damage", len(wanted) * holdings.shard) as current:
        bad = _bad(holdings, wanted, lambda: current.advance(holdings.shard))
        current.result = f"{len(bad)} of {len(wanted)} shards"
    grid = holdings.grid
    if not bad or grid is None:
        return mended
    groups = sorted({shard % grid.groups for shard in bad})
    with step("Repairing", len(groups), "groups") as current:
        for group in groups:
            _group(holdings, grid, group, bad, staging, mended)
            current.advance(1)
    for volume, count in sorted(mended.shards.items()):
        size = min(count * holdings.shard, holdings.of["data"][volume - 1].size)
        say(f"repaired {count} shards of volume {volume} ({_amount(size)})")
    return mended


def _bad(holdings: Holdings, wanted: set[int], advance: Callable[[], None]) -> set[int]:
    found = set()
    for shard in sorted(wanted):
        if holdings.prove("data", shard) is None:
            found.add(shard)
        advance()
    return found


def _group(  # noqa: PLR0913
    holdings: Holdings, grid: Grid, group: int, bad: set[int], staging: Staging, mended: Mended
) -> None:
    """Rebuild the bad ones of one group, if enough of it is right."""
    rows = {}
    if (count := reach(holdings, grid, group)) >= grid.rows:
        rows = _collect(holdings, grid, group)
        count = len(rows)
    if count < grid.rows:
        mended.short[group] = grid.rows - count
        return
    for row, data in enumerate(parity.rebuild(grid, rows)):
        shard = row * grid.groups + group
        place = holdings.at("data", shard)
        if place is None or shard not in bad:
            continue
        volume, number = place
        holding = holdings.of["data"][volume]
        data = data[: min(holding.shard, holding.size - number * holding.shard)]
        if holding.fits(number, data):
            staging.put("data", volume + 1, number, data)
            mended.shards[volume + 1] += 1


def _collect(holdings: Holdings, grid: Grid, group: int) -> dict[int, bytes]:
    """Read right shards of a group, padded, until they are enough: row -> bytes."""
    found: dict[int, bytes] = {}
    for row in range(grid.rows + grid.parity):
        if len(found) == grid.rows:
            break
        sort, base = ("data", 0) if row < grid.rows else ("parity", grid.rows)
        shard = (row - base) * grid.groups + group
        if sort == "data" and holdings.at("data", shard) is None:
            found[row] = bytes(grid.shard)
        elif (data := holdings.prove(sort, shard)) is not None:
            found[row] = data.ljust(grid.shard, b"\0")
    return found
