import os
from pathlib import Path

import pytest

from coldforge.bundle.format.index import Index
from coldforge.bundle.receiving.staging import Staging
from coldforge.bundle.receiving.volumes import VolumeSet
from tests.bundle.bundles import bundle, damage, make_item, random_bytes

SHARD = 65536
DATA = random_bytes("data", 3 * SHARD + 500)


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return bundle(tmp_path / "out", [make_item(tmp_path / "in", "one", DATA)])


def keep(index: Index, folder: Path, *volumes: Path) -> None:
    """Keep what is right of some copies of the volume."""
    for path in volumes:
        volumes = VolumeSet(index)
        with path.open("rb") as stream, Staging(folder, volumes) as staging:
            volumes.readers["data"][0].files.append(stream.fileno())
            staging.copy_shards("data", 1, lambda _: None)


def kept(index: Index, folder: Path) -> list[bytes | None]:
    volumes = VolumeSet(index)
    with Staging(folder, volumes):
        return [volumes.read_shard("data", shard) for shard in range(4)]


def test_right_shards_are_kept_and_wrong_ones_leave_holes(tmp_path: Path, index: Index) -> None:
    volume = tmp_path / "out" / "volume-001.cfv"
    damage(volume, (SHARD, 1))
    keep(index, tmp_path / "staging", volume)
    assert kept(index, tmp_path / "staging") == [
        DATA[:SHARD],
        None,
        DATA[2 * SHARD : 3 * SHARD],
        DATA[3 * SHARD :],
    ]


def test_copies_damaged_in_other_places_make_a_whole_one(tmp_path: Path, index: Index) -> None:
    volume, other = tmp_path / "out" / "volume-001.cfv", tmp_path / "copy"
    other.write_bytes(volume.read_bytes())
    damage(volume, (0, 2 * SHARD))
    damage(other, (2 * SHARD, 1))
    keep(index, tmp_path / "staging", volume, other)
    assert None not in kept(index, tmp_path / "staging")


def test_what_was_spoiled_in_the_staging_does_not_count(tmp_path: Path, index: Index) -> None:
    keep(index, tmp_path / "staging", tmp_path / "out" / "volume-001.cfv")
    damage(tmp_path / "staging" / "data-001", (10, 1))
    assert [shard is None for shard in kept(index, tmp_path / "staging")] == [1, 0, 0, 0]


def test_links_and_strange_files_in_the_staging_are_not_used(tmp_path: Path, index: Index) -> None:
    folder = tmp_path / "staging"
    folder.mkdir()
    for name in ("data-002", "data-1", "other-001", "data-000"):
        (folder / name).write_bytes(DATA)
    (folder / "parity-001").symlink_to(tmp_path / "out" / "volume-001.cfv")
    volumes = VolumeSet(index)
    with Staging(folder, volumes):
        assert not volumes.readers["data"][0].present


def test_keeping_takes_only_the_room_of_what_is_right(tmp_path: Path, index: Index) -> None:
    damage(tmp_path / "out" / "volume-001.cfv", (0, 3 * SHARD))
    keep(index, tmp_path / "staging", tmp_path / "out" / "volume-001.cfv")
    held = (tmp_path / "staging" / "data-001").stat()
    assert held.st_size == len(DATA)
    assert 512 * held.st_blocks <= SHARD
    volumes = VolumeSet(index)
    with Staging(tmp_path / "staging", volumes) as staging:
        assert staging.space_needed(volumes.readers["data"][0]) == len(DATA) - 512 * held.st_blocks


def test_a_staging_that_nothing_is_put_into_is_not_made(tmp_path: Path, index: Index) -> None:
    with Staging(tmp_path / "staging", VolumeSet(index)):
        pass
    assert not (tmp_path / "staging").exists()
    assert os.listdir(tmp_path)  # noqa: PTH208
