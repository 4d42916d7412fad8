import shutil
from pathlib import Path

import pytest

from coldforge.bundle.packing.items import BundleItem
from coldforge.bundle.receiving.missing import IncompleteBundleError
from coldforge.bundle.receiving.receive import receive
from coldforge.bundle.receiving.staging import staging_path
from coldforge.paths import Workspace
from tests.bundle.bundles import (
    SPLIT,
    bundle,
    damaged_blobs,
    digests,
    visible_blobs,
)


def test_volumes_come_one_at_a_time_in_any_order(
    tmp_path: Path, out: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(out, items, SPLIT, 0.1)
    volumes = sorted(out.glob("volume-*"), reverse=True)
    assert len(volumes) > 1
    for number, volume in enumerate(volumes, 1):
        disk = tmp_path / f"disk {number}"
        disk.mkdir()
        shutil.copy(volume, disk)
        if number < len(volumes):
            with pytest.raises(IncompleteBundleError) as caught:
                receive(space, disk)
            assert volume.name not in caught.value.hint
            assert volumes[-1].name in caught.value.hint
            assert damaged_blobs(space) == []
        else:
            receive(space, disk)
    assert visible_blobs(space) == digests(items)
    assert not list(staging_path(space).glob("*"))


def test_every_missing_item_is_named_with_its_volumes(
    out: Path, items: list[BundleItem], space: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    index = bundle(out, items, SPLIT)
    (out / "volume-001.cfv").unlink()
    with pytest.raises(IncompleteBundleError) as caught:
        receive(space, out)
    lost = {i.name for i in index.items if any(part.volume == 1 for part in i.parts)}
    assert {lack.name for lack in caught.value.missing} == lost
    assert {lack.volumes for lack in caught.value.missing} == {("volume-001.cfv",)}
    assert caught.value.exit_code == 3
    assert "\n" not in caught.value.message + caught.value.hint
    assert all(name in capsys.readouterr().err + caught.value.message for name in list(lost)[:1])
    assert visible_blobs(space) == digests([item for item in items if item.name not in lost])
