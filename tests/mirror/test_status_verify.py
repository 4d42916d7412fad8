import hashlib
from pathlib import Path

import pytest

from coldforge.mirror.status import verify
from coldforge.mirror.store import Store
from coldforge.stack.lock import Entry, Lock


def published(store: Store, name: str, data: bytes, use: str = "base") -> Entry:
    sha256 = hashlib.sha256(data).hexdigest()
    part = store.partial(sha256)
    part.write_bytes(data)
    store.publish(part, sha256)
    return Entry(use, "debian", name, "1.0", f"pool/{name}", len(data), sha256)


def flip(store: Store, entry: Entry, place: int) -> None:
    path = store.path(entry.sha256)
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def test_a_sound_mirror_is_read_whole_and_nothing_is_moved(store: Store) -> None:
    entries = [published(store, str(number), bytes([number]) * number) for number in range(30)]
    found = verify(store, [Lock(1, "cpu", {}, [], entries)])
    assert (found.blobs, found.size, found.damaged) == (30, sum(range(30)), [])
    assert all(store.has(entry.sha256, entry.size) for entry in entries)


@pytest.mark.parametrize("place", [0, 1_500_000, -1])
def test_a_flipped_byte_is_found_and_named(store: Store, place: int) -> None:
    good = published(store, "good", b"good")
    bad = published(store, "bad", bytes(3_000_000))
    flip(store, bad, place)
    found = verify(store, [Lock(1, "cpu", {}, [], [good, bad])])
    assert [blob.sha256 for blob in found.damaged] == [bad.sha256]
    assert found.damaged[0].needed_by == ["cpu.lock: bad 1.0 (base)"]


def test_a_damaged_blob_is_moved_aside_and_counts_as_missing(store: Store) -> None:
    bad = published(store, "bad", b"bad")
    flip(store, bad, 0)
    found = verify(store, [])
    assert Path(found.damaged[0].aside) == store.root / "damaged" / bad.sha256
    assert Path(found.damaged[0].aside).read_bytes() == b"cad"
    assert not store.has(bad.sha256, bad.size)
    assert verify(store, []).damaged == []


def test_every_lock_that_needs_the_blob_is_named(store: Store) -> None:
    bad = published(store, "bad", b"bad")
    flip(store, bad, 0)
    locks = [Lock(1, "cpu", {}, [], [bad]), Lock(1, "gpu", {}, [], [bad])]
    assert verify(store, locks).damaged[0].needed_by == [
        "cpu.lock: bad 1.0 (base)",
        "gpu.lock: bad 1.0 (base)",
    ]


def test_a_blob_cut_short_is_damaged(store: Store) -> None:
    bad = published(store, "bad", b"bad")
    store.path(bad.sha256).write_bytes(b"")
    assert [blob.sha256 for blob in verify(store, []).damaged] == [bad.sha256]


def test_only_the_blobs_asked_for_are_read(store: Store) -> None:
    one, other = published(store, "one", b"one"), published(store, "other", b"other")
    flip(store, other, 0)
    found = verify(store, [], {one.sha256})
    assert (found.blobs, found.damaged) == (1, [])


def test_an_empty_mirror_has_nothing_wrong(store: Store) -> None:
    assert verify(store, []).damaged == []
