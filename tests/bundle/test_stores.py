import shutil
from pathlib import Path

import pytest

from coldforge.bundle.format.index import Item, StoreName
from coldforge.bundle.stores import Stores, check_space
from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace

STORES: list[StoreName] = ["mirror", "layout"]


def item(store: StoreName, size: int = 4) -> Item:
    return Item("a" * 64, size, store, "a", [])


@pytest.mark.parametrize("store", STORES)
def test_a_part_is_not_visible_until_it_is_published(tmp_path: Path, store: StoreName) -> None:
    stores = Stores(Workspace(tmp_path))
    part = stores.part(item(store))
    assert part == stores.part(item(store))
    with part.open("wb") as out:
        out.write(b"data")
        assert not stores.has(item(store))
        stores.publish(out, item(store))
    assert not part.exists()
    assert stores.has(item(store))
    assert not stores.has(item(store, 5))
    place = stores.path(store, "a" * 64)
    assert place.read_bytes() == b"data"
    assert place.stat().st_mode & 0o777 == 0o644


def test_a_place_that_is_a_folder_is_no_blob(tmp_path: Path) -> None:
    stores = Stores(Workspace(tmp_path))
    place = stores.path("mirror", "a" * 64)
    place.mkdir(parents=True)
    assert not stores.has(item("mirror", place.stat().st_size))


def test_room_is_added_up_by_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    check_space([(tmp_path / "one", 600_000), (tmp_path / "two" / "deep", 400_000)])
    with pytest.raises(
        ColdforgeError, match=r"needs 1\.1 MB, the disk of .* has 1\.0 MB"
    ) as caught:
        check_space([(tmp_path / "one", 600_000), (tmp_path / "two" / "deep", 500_000)])
    assert "the same command continues" in caught.value.hint
