import hashlib
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest

from coldforge.bootstrap.folder import scan
from coldforge.bundle.format.index import Index, encode
from coldforge.bundle.format.volume import FOOTER
from coldforge.bundle.ledger import ledger_path
from coldforge.bundle.packing.items import BundleItem
from coldforge.bundle.receiving.missing import IncompleteBundleError
from coldforge.bundle.receiving.receive import ReceiveOptions, exclusive, open_volumes, receive
from coldforge.bundle.receiving.staging import staging_path
from coldforge.bundle.receiving.volumes import VolumeSet
from coldforge.bundle.stores import Stores
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError
from coldforge.paths import Workspace
from coldforge.trust.envelope import Envelope, seal, sign
from coldforge.trust.rotation import PAYLOAD_TYPE, remembered
from coldforge.trust.trust import Trust, read_trust
from tests.bundle.bundles import (
    SERIAL,
    SPLIT,
    bundle,
    damage,
    digests,
    make_items,
    private_key,
    site,
    trust,
    visible_blobs,
)


def test_every_item_lands_in_its_store(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(out, items, SPLIT)
    done = receive(space, out)
    stores = Stores(space)
    for item in items:
        assert stores.path(item.store, item.sha256).read_bytes() == item.path.read_bytes()
    assert (done.taken, done.present, done.already) == (len(items), 0, False)
    assert done.size == sum(item.size for item in items)
    assert not staging_path(space).exists()
    assert visible_blobs(space) == digests(items)


def test_a_bundle_of_nothing_is_received(out: Path, space: Workspace) -> None:
    bundle(out, [], share=0.1)
    assert receive(space, out).taken == 0


def test_a_complete_bundle_is_not_taken_twice(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(out, items)
    assert not receive(space, out).already
    again = receive(space, out)
    assert (again.already, again.taken, again.present) == (True, 0, len(items))


def test_what_was_lost_since_is_taken_again(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(out, items)
    receive(space, out)
    Stores(space).path(items[0].store, items[0].sha256).unlink()
    assert receive(space, out).taken == 1


def test_what_is_here_is_not_read_from_the_volumes(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    index = bundle(out, items)
    receive(space, out)
    ledger_path(space).unlink()
    damage(out / "volume-001.cfv", (0, index.volumes[0].size))
    assert receive(space, out).present == len(items)


def test_a_folder_that_holds_nothing_is_named(tmp_path: Path, space: Workspace) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(MissingInputError, match="no readable index of a bundle"):
        receive(space, tmp_path / "none")
    with pytest.raises(MissingInputError, match="cannot read"):
        receive(space, tmp_path / "elsewhere")


def test_a_disk_that_is_too_small_is_known_before_anything_is_written(
    out: Path, items: list[BundleItem], space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(out, items)
    usage = shutil.disk_usage(out)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ColdforgeError, match=r"needs 350\.0 kB, the disk of .* has 1\.0 kB"):
        receive(space, out)
    assert visible_blobs(space) == set()


def test_one_receive_at_a_time(out: Path, items: list[BundleItem], space: Workspace) -> None:
    bundle(out, items)
    with (
        exclusive(space),
        pytest.raises(ColdforgeError, match="another receive is running here"),
    ):
        receive(space, out)


def test_an_older_bundle_is_refused_with_both_dates(
    tmp_path: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(tmp_path / "new", items[:3], serial=SERIAL + 86400)
    bundle(tmp_path / "old", items[3:])
    receive(space, tmp_path / "new")
    with pytest.raises(RefusedError, match=r"2023-11-14 .* 2023-11-15") as caught:
        receive(space, tmp_path / "old")
    assert "--older" in caught.value.hint
    assert visible_blobs(space) == digests(items[:3])
    assert receive(space, tmp_path / "old", ReceiveOptions(older=True)).taken == 3
    assert visible_blobs(space) == digests(items)
    with pytest.raises(RefusedError):
        receive(space, tmp_path / "old")


def test_an_older_bundle_of_another_kind_is_welcome(
    tmp_path: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(tmp_path / "new", items[:3], serial=SERIAL + 1)
    bundle(tmp_path / "old", items[3:], kind="install")
    receive(space, tmp_path / "new")
    assert receive(space, tmp_path / "old").taken == 3


def test_a_newer_bundle_clears_what_was_kept_of_an_older_one(
    tmp_path: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(tmp_path / "old", items, SPLIT)
    (tmp_path / "old" / "volume-001.cfv").unlink()
    with pytest.raises(IncompleteBundleError):
        receive(space, tmp_path / "old")
    assert len(list(staging_path(space).iterdir())) == 1
    bundle(tmp_path / "new", items, SPLIT, serial=SERIAL + 1)
    receive(space, tmp_path / "new")
    assert list(staging_path(space).iterdir()) == []


def test_two_bundles_in_one_folder_are_told_apart(
    tmp_path: Path, out: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(out, items)
    bundle(tmp_path / "other", items, serial=SERIAL + 1)
    shutil.copy(tmp_path / "other" / "volume-001.cfv", out / "volume-009.cfv")
    with pytest.raises(RefusedError, match="there are 2 bundles: demo for build of 2023-11-14"):
        receive(space, out)
    assert visible_blobs(space) == set()


def test_a_digest_told_by_hand_stands_for_a_signature(
    tmp_path: Path, out: Path, items: list[BundleItem]
) -> None:
    bundle(out, items, keys=[])
    space = site(tmp_path / "closed")
    space.trust.unlink()
    with pytest.raises(RefusedError, match="no index here has the sha256"):
        receive(space, out, ReceiveOptions(digest="0" * 64))
    digest = hashlib.sha256((out / "index.json").read_bytes()).hexdigest()
    receive(space, out, ReceiveOptions(digest=digest.upper()))
    assert visible_blobs(space) == digests(items)


def rotation(old: Trust, new: Trust, *names: str) -> Envelope:
    del old
    signed = [sign(PAYLOAD_TYPE, new.payload, private_key(name)) for name in names]
    return seal(PAYLOAD_TYPE, new.payload, signed)


def test_a_rotation_comes_with_the_bundle_that_needs_it(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    new = trust("successor", version=2)
    envelope = rotation(read_trust(space.trust), new, "sender", "successor")
    bundle(out, items, keys=[private_key("successor")], rotations=[envelope])
    receive(space, out)
    assert read_trust(space.trust) == new
    assert remembered(space.trust) == [envelope]  # for the bundles that this place makes


def test_a_rotation_that_the_old_keys_did_not_sign_changes_nothing(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    before = read_trust(space.trust)
    envelope = rotation(before, trust("thief", version=2), "thief")
    bundle(out, items, keys=[private_key("thief")], rotations=[envelope])
    with pytest.raises(RefusedError, match="signed by no key trusted here"):
        receive(space, out)
    assert read_trust(space.trust) == before
    assert visible_blobs(space) == set()


def test_a_checkout_with_another_lock_is_told(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(out, items)
    space.lock("demo").write_text("another\n", "utf-8")
    assert "demo.lock of this checkout differs from the one" in receive(space, out).project


def test_a_place_without_that_stack_is_told_nothing_of_locks(
    out: Path, items: list[BundleItem], space: Workspace
) -> None:
    bundle(out, items)
    assert receive(space, out).project == ""


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return bundle(tmp_path / "out", make_items(tmp_path / "in"), split=200_000)


def held(out: Path, index: Index) -> list[int]:
    """Count the files of each data volume."""
    volumes = VolumeSet(index)
    with ExitStack() as stack:
        open_volumes(scan(out), hashlib.sha256(encode(index)).hexdigest(), volumes, stack)
        return [len(reader.files) for reader in volumes.readers["data"]]


def test_volumes_are_known_whatever_their_files_are_called(tmp_path: Path, index: Index) -> None:
    (tmp_path / "out" / "volume-001.cfv").rename(tmp_path / "out" / "renamed.cfv")
    assert held(tmp_path / "out", index) == [1, 1]


def test_a_damaged_end_leaves_the_name(tmp_path: Path, index: Index) -> None:
    path = tmp_path / "out" / "volume-002.cfv"
    damage(path, (path.stat().st_size - FOOTER.size, FOOTER.size))
    assert held(tmp_path / "out", index) == [1, 1]


def test_copies_count_each(tmp_path: Path, index: Index) -> None:
    shutil.copy(tmp_path / "out" / "volume-001.cfv", tmp_path / "out" / "again.cfv")
    assert held(tmp_path / "out", index) == [2, 1]


def test_a_volume_of_another_bundle_is_passed_over(
    tmp_path: Path, index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle(tmp_path / "other", make_items(tmp_path / "in", 3))
    shutil.copy(tmp_path / "other" / "volume-001.cfv", tmp_path / "out" / "volume-002.cfv")
    assert held(tmp_path / "out", index) == [1, 0]
    assert "volume-002.cfv is not of this bundle; skipped" in capsys.readouterr().err


def test_a_second_receive_is_kept_out_until_the_first_ends(space: Workspace) -> None:
    with exclusive(space), pytest.raises(ColdforgeError, match="running here"), exclusive(space):
        pass
    with exclusive(space):
        pass


def test_what_a_site_keeps_is_in_its_folder(space: Workspace) -> None:
    assert ledger_path(space).parent == space.site
    assert staging_path(space, "abc").parent == staging_path(space)
