import hashlib
import os
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.store import Store

DATA = b"some bytes"
SHA256 = hashlib.sha256(DATA).hexdigest()


def published(store: Store, data: bytes = DATA) -> Path:
    sha256 = hashlib.sha256(data).hexdigest()
    part = store.partial(sha256)
    part.write_bytes(data)
    return store.publish(part, sha256)


def test_a_partial_file_is_not_visible(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.partial(SHA256).write_bytes(DATA)
    assert not store.has(SHA256, len(DATA))
    assert list(store.blobs()) == []


def test_a_published_blob_is_visible_and_its_partial_gone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = published(store)
    assert path == store.path(SHA256)
    assert store.has(SHA256, len(DATA))
    assert store.need(SHA256, "it", "") == path
    assert not store.partial(SHA256).exists()


def test_a_blob_s_bytes_are_on_disk_before_its_name_and_that_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = []
    fsync, replace = os.fsync, Path.replace

    def noted_fsync(handle: int) -> None:
        order.append(("sync", Path(f"/proc/self/fd/{handle}").readlink().name))
        fsync(handle)

    def noted_replace(part: Path, path: Path) -> Path:
        order.append(("rename", path.name))
        return replace(part, path)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(Path, "replace", noted_replace)
    published(Store(tmp_path))
    assert order == [("sync", SHA256), ("rename", SHA256), ("sync", SHA256[:2])]


def test_a_blob_has_the_same_mode_whatever_the_umask(tmp_path: Path) -> None:
    store = Store(tmp_path)
    part = store.partial(SHA256)
    part.touch(mode=0o600)
    part.write_bytes(DATA)
    assert store.publish(part, SHA256).stat().st_mode & 0o777 == 0o644


def test_a_blob_of_another_size_does_not_count(tmp_path: Path) -> None:
    store = Store(tmp_path)
    published(store)
    assert not store.has(SHA256, len(DATA) + 1)


def test_a_missing_blob_is_named_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="the mirror lacks dash") as caught:
        Store(tmp_path).need(SHA256, "dash", "fetch it")
    assert caught.value.hint == "fetch it"


def test_blobs_are_listed_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(20):
        published(store, bytes([number]))
    names = [path.name for path in store.blobs()]
    assert len(names) == 20
    assert names == sorted(names)


def test_a_mirror_that_is_not_there_yet_has_no_blobs(tmp_path: Path) -> None:
    assert list(Store(tmp_path / "none").blobs()) == []


def test_a_flipped_byte_is_not_intact_and_can_be_moved_aside(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = published(store)
    assert store.intact(path)
    path.write_bytes(b"Some bytes")
    assert not store.intact(path)
    assert store.quarantine(SHA256).read_bytes() == b"Some bytes"
    assert not store.has(SHA256, len(DATA))
