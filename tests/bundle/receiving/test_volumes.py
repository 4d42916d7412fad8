import io
import os
from pathlib import Path
from typing import Any, cast

import pytest

from coldforge.bundle.format.index import Index, ItemPart
from coldforge.bundle.receiving.volumes import DamageError, VolumeSet
from tests.bundle.bundles import bundle, damage, make_item, random_bytes

SHARD = 65536
DATA = random_bytes("data", 3 * SHARD + 500)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return bundle(tmp_path / "out", [make_item(tmp_path / "in", "one", DATA)], share=0.1)


def opened(index: Index, *paths: Path) -> VolumeSet:
    volumes = VolumeSet(index)
    for path in paths:
        volumes.readers["data"][0].files.append(os.open(path, os.O_RDONLY))
    return volumes


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    return tmp_path / "out" / "volume-001.cfv"


def read(volumes: VolumeSet, parts: list[ItemPart], proved: bool) -> bytes:
    return b"".join(volumes.stream(parts, proved).chunks())


@pytest.mark.parametrize("proved", [True, False])
def test_pieces_are_read_one_after_the_other(index: Index, volume: Path, proved: bool) -> None:
    parts = [ItemPart(1, SHARD - 3, 9), ItemPart(1, 0, 0), ItemPart(1, 5, 2 * SHARD)]
    wanted = DATA[SHARD - 3 : SHARD + 6] + DATA[5 : 2 * SHARD + 5]
    assert read(opened(index, volume), parts, proved) == wanted


def test_a_stream_reads_as_files_do(index: Index, volume: Path) -> None:
    stream = opened(index, volume).stream([ItemPart(1, 0, len(DATA))], verified=True)
    assert io.BufferedReader(cast("Any", stream)).read() == DATA


@pytest.mark.parametrize("proved", [True, False])
def test_a_file_that_ends_early_is_damage(index: Index, volume: Path, proved: bool) -> None:
    os.truncate(volume, 100)
    with pytest.raises(DamageError):
        read(opened(index, volume), [ItemPart(1, 50, 100)], proved)


def test_a_shard_is_taken_from_the_copy_that_has_it_right(
    index: Index, volume: Path, tmp_path: Path
) -> None:
    other = tmp_path / "copy"
    other.write_bytes(volume.read_bytes())
    damage(volume, (5, 1))
    damage(other, (SHARD + 5, 1))
    assert read(opened(index, volume, other), [ItemPart(1, 0, len(DATA))], False) == DATA


def test_a_wrong_shard_is_damage(index: Index, volume: Path) -> None:
    damage(volume, (len(DATA) - 1, 1))
    volumes = opened(index, volume)
    assert volumes.read_shard("data", 2) == DATA[2 * SHARD : 3 * SHARD]
    assert volumes.read_shard("data", 3) is None
    assert volumes.read_shard("data", 4) is None


def test_a_disk_that_cannot_read_is_damage(
    index: Index, volume: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(handle: int, size: int, offset: int) -> bytes:
        raise OSError(5, f"{handle} {size} {offset}")

    volumes = opened(index, volume)
    monkeypatch.setattr(os, "pread", broken)
    assert volumes.read_shard("data", 0) is None
    with pytest.raises(DamageError):
        read(volumes, [ItemPart(1, 0, 10)], False)


def test_shards_of_pieces_are_numbered_through(tmp_path: Path) -> None:
    items = [make_item(tmp_path / "in", str(n), random_bytes(n, 100_000)) for n in range(3)]
    volumes = VolumeSet(bundle(tmp_path / "two", items, split=120_000))
    assert [reader.count for reader in volumes.readers["data"]] == [2, 2, 2]
    assert volumes.shards([ItemPart(2, 70_000, 1), ItemPart(3, 0, 0), ItemPart(3, 0, 1)]) == {3, 4}
    assert [volumes.locate("data", shard) for shard in (1, 2, 6)] == [(0, 1), (1, 0), None]
