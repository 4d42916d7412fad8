from pathlib import Path

import pytest

from coldforge.bundle.packing.items import BundleItem
from coldforge.bundle.receiving.missing import IncompleteBundleError
from coldforge.bundle.receiving.receive import receive
from coldforge.paths import Workspace
from tests.bundle.bundles import (
    SPLIT,
    bundle,
    damage,
    digests,
    visible_blobs,
)


def test_a_lost_volume_is_rebuilt_from_parity(
    out: Path, items: list[BundleItem], space: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle(out, items, SPLIT, 0.8)
    (out / "volume-001.cfv").unlink()
    done = receive(space, out)
    assert list(done.repaired) == [1]
    assert f"repaired {done.repaired[1]} shards of volume 1" in capsys.readouterr().err
    assert visible_blobs(space) == digests(items)


def test_damage_is_rebuilt_and_counted(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    index = bundle(out, items, SPLIT, 0.3)
    damage(out / "volume-002.cfv", (70_000, 10))
    done = receive(space, out)
    assert done.repaired == {2: 1}
    assert index.parity
    assert visible_blobs(space) == digests(items)


def test_a_volume_with_a_broken_end_is_known_by_its_name(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(out, items, SPLIT)
    for volume in out.glob("*.cfv"):
        damage(volume, (volume.stat().st_size - 30, 10))
    receive(space, out)
    assert visible_blobs(space) == digests(items)


def test_a_volume_with_a_broken_end_finds_its_index_in_the_staging(
    tmp_path: Path, out: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(out, items, SPLIT)
    kept = out / "volume-001.cfv"
    disk = tmp_path / "disk"
    disk.mkdir()
    kept.rename(disk / kept.name)
    with pytest.raises(IncompleteBundleError):
        receive(space, out)
    damage(disk / kept.name, ((disk / kept.name).stat().st_size - 30, 10))
    receive(space, disk)
    assert visible_blobs(space) == digests(items)
