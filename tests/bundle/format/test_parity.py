from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coldforge.bootstrap.grid import ParityGrid, choose_grid, first_shards, shard_count
from coldforge.bundle.format.parity import Readback, add_parity, make, rebuild
from coldforge.bundle.format.payload import ShardHashes
from coldforge.errors import ColdforgeError
from tests.synced import record_syncs

SHARD = 64


@st.composite
def broken_groups(draw: st.DrawFn) -> tuple[ParityGrid, list[bytes], set[int]]:
    """A group's data, and the rows of it that are lost: never more than its parity."""
    rows = draw(st.integers(1, 40))
    parity = draw(st.integers(1, 20))
    lost = draw(st.sets(st.integers(0, rows + parity - 1), max_size=parity))
    seed = draw(st.integers(0, 2**32))
    random = Random(seed)
    return ParityGrid(SHARD, rows, parity, 1), [random.randbytes(SHARD) for _ in range(rows)], lost


@given(broken_groups())
@settings(max_examples=200)
def test_any_loss_within_the_parity_is_rebuilt(
    case: tuple[ParityGrid, list[bytes], set[int]],
) -> None:
    grid, data, lost = case
    shards = dict(enumerate([*data, *make(grid, data)]))
    left = {row: shard for row, shard in shards.items() if row not in lost}
    assert rebuild(grid, left) == data


@given(broken_groups())
@settings(max_examples=50)
def test_more_loss_than_parity_is_refused(case: tuple[ParityGrid, list[bytes], set[int]]) -> None:
    grid, data, _lost = case
    shards = dict(enumerate([*data, *make(grid, data)]))
    for row in range(grid.parity + 1):
        del shards[row % (grid.rows + grid.parity)]
    with pytest.raises(ValueError, match="are left"):
        rebuild(grid, shards)


def test_the_widest_group_works() -> None:
    grid = ParityGrid(SHARD, 200, 56, 1)
    data = [bytes([row]) * SHARD for row in range(200)]
    parity = make(grid, data)
    shards = dict(enumerate(parity, 200)) | {row: data[row] for row in range(144)}
    assert rebuild(grid, shards) == data


def test_rows_that_cannot_be_are_refused() -> None:
    grid = ParityGrid(SHARD, 2, 1, 1)
    with pytest.raises(ValueError, match="no row 3"):
        rebuild(grid, {0: bytes(SHARD), 3: bytes(SHARD)})
    with pytest.raises(ValueError, match="another size"):
        rebuild(grid, {0: bytes(SHARD), 1: b"short"})


def written(folder: Path, sizes: list[int], grid: ParityGrid) -> Readback:
    files = {}
    for number, size in enumerate(sizes):
        path = folder / f"data-{number}"
        path.write_bytes(Random(number).randbytes(size))
        shards = ShardHashes(grid.shard)
        shards.add(path.read_bytes())
        files[path] = shards.volume()
    return Readback(files, grid.shard)


def padded(folder: Path, sizes: list[int], grid: ParityGrid) -> list[bytes]:
    """All shards as the format numbers them, zeros after the last."""
    found = []
    for number, size in enumerate(sizes):
        data = (folder / f"data-{number}").read_bytes()
        found += [
            data[at : at + grid.shard].ljust(grid.shard, b"\0") for at in range(0, size, grid.shard)
        ]
    return found + [bytes(grid.shard)] * (grid.rows * grid.groups - len(found))


def payloads(grid: ParityGrid, most: int) -> list[int]:
    left, found = grid.parity * grid.groups, []
    while left:
        found.append(min(left, most))
        left -= found[-1]
    return [count * grid.shard for count in found]


def parities(folder: Path, grid: ParityGrid, most: int) -> dict[Path, int]:
    sizes = payloads(grid, most)
    return {folder / f"parity-{number}": size for number, size in enumerate(sizes)}


@given(
    sizes=st.lists(st.integers(1, 20 * SHARD), min_size=1, max_size=4),
    share=st.sampled_from([0.01, 0.1, 0.5, 1.0]),
    most=st.integers(1, 7),
    groups=st.integers(1, 5),
)
@settings(max_examples=40)
def test_parity_volumes_hold_each_group_where_the_format_says(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    share: float,
    most: int,
    groups: int,
) -> None:
    folder = tmp_path_factory.mktemp("parity")
    count = sum(shard_count(size, SHARD) for size in sizes)
    rows = -(-count // groups)
    grid = ParityGrid(SHARD, rows, max(1, int(rows * share)), groups)
    parts = parities(folder, grid, most)
    with written(folder, sizes, grid) as data:
        volumes = add_parity(data, grid, parts, 0, lambda _: None)
    assert [volume.size for volume in volumes] == list(parts.values())
    held = b"".join(path.read_bytes() for path in parts)
    shards = padded(folder, sizes, grid)
    for group in range(groups):
        wanted = make(grid, shards[group::groups])
        for row, shard in enumerate(wanted):
            at = (row * groups + group) * SHARD
            assert held[at : at + SHARD] == shard


def test_a_killed_run_goes_on_with_the_groups_it_lacks(tmp_path: Path) -> None:
    sizes = [3_000_000, 2_000_001]
    grid = choose_grid(sizes, 0.1)._replace(shard=4096, rows=30, parity=3, groups=41)
    parts = parities(tmp_path, grid, 50)
    with written(tmp_path, sizes, grid) as data:
        whole = add_parity(data, grid, parts, 0, lambda _: None)
        for path in parts:
            raw = bytearray(path.read_bytes())
            path.write_bytes(raw)
        marks: list[int] = []
        again = add_parity(data, grid, parts, 40, marks.append)
    assert again == whole
    assert marks == [41]


def test_a_disk_that_gives_other_bytes_back_is_named(tmp_path: Path) -> None:
    grid = ParityGrid(SHARD, 3, 1, 1)
    data = written(tmp_path, [100, 64], grid)
    (tmp_path / "data-1").write_bytes(bytes(64))
    with data, pytest.raises(ColdforgeError, match="data-1 reads back damaged"):
        data.read(0, 3)


def test_reading_past_the_end_gives_zeros(tmp_path: Path) -> None:
    grid = ParityGrid(SHARD, 3, 1, 1)
    with written(tmp_path, [100, 1], grid) as data:
        found = data.read(1, 4)
    assert found[36:64] == bytes(28)
    assert found[65:] == bytes(63 + 2 * SHARD)
    assert first_shards([100, 1], SHARD) == [0, 2, 3]


def test_groups_are_on_disk_before_they_are_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = ParityGrid(SHARD, 3, 2, 1)
    parts = parities(tmp_path, grid, 1)
    events = record_syncs(monkeypatch)
    with written(tmp_path, [100, 64], grid) as data:
        add_parity(data, grid, parts, 0, lambda groups: events.append(f"mark {groups}"))
    assert events == ["sync parity-0", "sync parity-1", "mark 1"]
