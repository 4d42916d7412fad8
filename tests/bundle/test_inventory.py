import hashlib
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge import __version__
from coldforge.bundle import inventory
from coldforge.bundle.inventory import Inventory, ReceivedBundle
from coldforge.bundle.ledger import Ledger, LedgerEntry
from coldforge.errors import ColdforgeError
from coldforge.image.oci.layout import MANIFEST, Layout
from coldforge.mirror.store import Store
from coldforge.paths import Workspace

SHORTS = st.sets(st.binary(min_size=10, max_size=10), max_size=20).map(
    lambda found: b"".join(sorted(found))
)
HAVES = st.builds(
    Inventory,
    tool=st.text(max_size=8),
    mirror=SHORTS,
    layout=SHORTS,
    images=st.dictionaries(
        st.text(max_size=5), st.integers(0, 9).map(lambda number: f"sha256:{number:064x}")
    ),
    received=st.lists(
        st.builds(ReceivedBundle, st.text(max_size=5), st.just("build"), st.integers(0, 2**40))
    ),
    trust=st.integers(0, 100),
)
EMPTY = Inventory("1", b"", b"", {}, [], 0)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def add(space: Workspace, data: bytes) -> str:
    store = Store(space.mirror / "blobs")
    part = store.partial(sha256(data))
    part.write_bytes(data)
    store.publish(part, sha256(data))
    return sha256(data)


def sealed(content: object) -> bytes:
    data = inventory.MAGIC + msgspec.msgpack.encode(content)
    return data + hashlib.sha256(data).digest()


@given(HAVES)
def test_an_inventory_comes_out_as_it_was(taken: Inventory) -> None:
    assert inventory.decode(inventory.encode(taken)) == taken


def test_an_empty_place_has_nothing(workspace: Workspace) -> None:
    taken = inventory.take_inventory(workspace)
    assert taken == Inventory(__version__, b"", b"", {}, [], 0)
    assert not taken.has("mirror", sha256(b"a"))


def test_blobs_of_both_stores_are_told_apart(workspace: Workspace) -> None:
    blob = add(workspace, b"wheel")
    layer = Layout(workspace.build / "oci").put_bytes(b"layer", "").digest.removeprefix("sha256:")
    taken = inventory.decode(inventory.encode(inventory.take_inventory(workspace)))
    assert taken.has("mirror", blob)
    assert taken.has("layout", layer)
    assert not taken.has("layout", blob)
    assert not taken.has("mirror", layer)


def test_every_blob_is_found_and_no_other(workspace: Workspace) -> None:
    names = [add(workspace, bytes([number])) for number in range(100)]
    taken = inventory.take_inventory(workspace)
    assert len(taken.mirror) == 1000
    assert all(taken.has("mirror", name) for name in names)
    assert not any(taken.has("mirror", sha256(name.encode())) for name in names)
    assert not taken.has("mirror", "0" * 64)
    assert not taken.has("mirror", "f" * 64)


def test_what_is_partial_empty_or_strange_does_not_count(workspace: Workspace) -> None:
    store = Store(workspace.mirror / "blobs")
    right = add(workspace, b"right")
    store.partial("a" * 64).write_bytes(b"half")
    empty, folder = store.path("b" * 64), store.path("c" * 64)
    empty.parent.mkdir()
    empty.touch()
    folder.mkdir(parents=True)
    store.path(right).with_name("notes.txt").write_text("mine")
    blobs = workspace.build / "oci" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (blobs / f".part-{'d' * 64}").write_bytes(b"half")
    taken = inventory.take_inventory(workspace)
    assert taken.mirror == bytes.fromhex(right)[:10]
    assert taken.layout == b""


def test_images_whose_manifest_is_there_are_named(workspace: Workspace) -> None:
    layout = Layout(workspace.build / "oci")
    manifest = layout.put_bytes(b"{}", MANIFEST)
    layout.tag("cpu", manifest)
    lost = layout.put_bytes(b"lost", MANIFEST)
    layout.tag("lost", lost)
    layout.blob(lost.digest).unlink()
    assert inventory.take_inventory(workspace).images == {"cpu": manifest.digest}


def test_the_newest_bundle_of_each_stack_and_kind_is_named(workspace: Workspace) -> None:
    entries = [
        LedgerEntry("a", "build", "cpu", 5, "", ""),
        LedgerEntry("b", "build", "cpu", 9, "", ""),
        LedgerEntry("c", "install", "cpu", 7, "", ""),
        LedgerEntry("d", "build", "cpu", 99, "", "", whole=False),
    ]
    workspace.site.mkdir()
    (workspace.site / "received.json").write_bytes(msgspec.json.encode(Ledger(1, entries)))
    taken = inventory.decode(inventory.encode(inventory.take_inventory(workspace)))
    assert taken.received == [
        ReceivedBundle("cpu", "build", 9),
        ReceivedBundle("cpu", "install", 7),
    ]


def test_ten_thousand_blobs_take_a_hundred_kilobytes() -> None:
    digests = sorted(random.Random(1).randbytes(10) for _ in range(10_000))
    assert len(inventory.encode(Inventory("0.1.0", b"".join(digests), b"", {}, [], 1))) < 100_200


@given(taken=HAVES, place=st.integers(0), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found(taken: Inventory, place: int, bit: int) -> None:
    data = bytearray(inventory.encode(taken))
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(ColdforgeError, match="inventory"):
        inventory.decode(bytes(data))


@given(taken=HAVES, kept=st.integers(0))
def test_a_cut_end_is_found(taken: Inventory, kept: int) -> None:
    data = inventory.encode(taken)
    for wrong in (data[: kept % len(data)], data + b"x"):
        with pytest.raises(ColdforgeError, match="inventory"):
            inventory.decode(wrong)


@given(st.binary(max_size=100))
def test_any_sealed_bytes_are_read_or_refused(junk: bytes) -> None:
    data = inventory.MAGIC + junk
    with pytest.raises(ColdforgeError, match="inventory"):
        inventory.decode(data + hashlib.sha256(data).digest())


STRANGE = {
    "digests out of order": {"mirror": b"b" * 10 + b"a" * 10},
    "a digest twice": {"layout": b"a" * 20},
    "half a digest": {"mirror": b"a" * 15},
    "a manifest that is no digest": {"images": {"cpu": "sha256:../../x"}},
    "a serial below zero": {"received": [["cpu", "build", -1]]},
    "an unknown kind": {"received": [["cpu", "all", 1]]},
    "a field of another tool": {"more": 1},
    "text for digests": {"mirror": "text"},
}


@pytest.mark.parametrize("change", STRANGE.values(), ids=STRANGE.keys())
def test_an_inventory_that_no_place_writes_is_refused(change: dict[str, object]) -> None:
    right = msgspec.structs.asdict(EMPTY)
    assert inventory.decode(sealed(right)) == EMPTY
    with pytest.raises(ColdforgeError, match="inventory"):
        inventory.decode(sealed(right | change))


def test_another_version_is_told_from_another_file() -> None:
    with pytest.raises(ColdforgeError, match="another version"):
        inventory.decode(
            inventory.MAGIC[:-1] + b"\2" + inventory.encode(EMPTY)[len(inventory.MAGIC) :]
        )
    with pytest.raises(ColdforgeError, match="it is not one"):
        inventory.decode(b"\x7fELF")


def test_the_version_of_the_trust_is_named(workspace: Workspace, tmp_path: Path) -> None:
    from coldforge.trust.keys import Key
    from coldforge.trust.trust import Trust, write_trust

    key = Key("site", "ed25519:" + "A" * 43 + "=")
    workspace.site.mkdir()
    write_trust(workspace.trust, Trust(1, 4, 1, [key]))
    assert inventory.take_inventory(workspace).trust == 4


def test_the_largest_numbers_are_read_and_larger_ones_are_not() -> None:
    right = msgspec.structs.asdict(EMPTY)
    for number, fits in ((1 << 62, True), ((1 << 62) + 1, False)):
        for change in ({"trust": number}, {"received": [["cpu", "build", number]]}):
            if fits:
                assert inventory.decode(sealed(right | change))
            else:
                with pytest.raises(ColdforgeError, match="inventory"):
                    inventory.decode(sealed(right | change))
