import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import zstandard

from coldforge.bundle import delta
from coldforge.bundle.packing.draft import Source
from coldforge.bundle.receiving.receive import Options, receive
from coldforge.bundle.receiving.shortage import ShortageError
from coldforge.bundle.site import alone, ledger_path, staging_path
from coldforge.bundle.stores import Stores
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError
from coldforge.image.layout import CONFIG, LAYER, Layout
from coldforge.image.referrers import MANIFEST
from coldforge.paths import Workspace
from coldforge.trust.envelope import Envelope, seal, sign
from coldforge.trust.rotation import PAYLOAD_TYPE, remembered
from coldforge.trust.trust import Trust, read_trust
from tests.bundle.carry import (
    SERIAL,
    bundle,
    noise,
    place,
    private,
    source,
    sources,
    spoil,
    trust,
    visible,
    wrong,
)

SPLIT = 200_000


@pytest.fixture
def items(tmp_path: Path) -> list[Source]:
    return sources(tmp_path / "in")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return place(tmp_path / "closed")


def digests(items: list[Source]) -> set[str]:
    return {item.sha256 for item in items}


def test_every_item_lands_in_its_store(out: Path, items: list[Source], space: Workspace) -> None:
    bundle(out, items, SPLIT)
    done = receive(space, out)
    stores = Stores(space)
    for item in items:
        assert stores.path(item.store, item.sha256).read_bytes() == item.path.read_bytes()
    assert (done.taken, done.present, done.already) == (len(items), 0, False)
    assert done.size == sum(item.size for item in items)
    assert not staging_path(space).exists()
    assert visible(space) == digests(items)


def test_a_bundle_of_nothing_is_received(out: Path, space: Workspace) -> None:
    bundle(out, [], share=0.1)
    assert receive(space, out).taken == 0


def test_a_complete_bundle_is_not_taken_twice(
    out: Path, items: list[Source], space: Workspace
) -> None:
    bundle(out, items)
    assert not receive(space, out).already
    again = receive(space, out)
    assert (again.already, again.taken, again.present) == (True, 0, len(items))


def test_what_was_lost_since_is_taken_again(
    out: Path, items: list[Source], space: Workspace
) -> None:
    bundle(out, items)
    receive(space, out)
    Stores(space).path(items[0].store, items[0].sha256).unlink()
    assert receive(space, out).taken == 1


def test_what_is_here_is_not_read_from_the_volumes(
    out: Path, items: list[Source], space: Workspace
) -> None:
    index = bundle(out, items)
    receive(space, out)
    ledger_path(space).unlink()
    spoil(out / "volume-001.cfv", (0, index.volumes[0].size))
    assert receive(space, out).present == len(items)


def test_compressed_items_and_deltas_of_deltas_are_decoded(
    tmp_path: Path, out: Path, space: Workspace
) -> None:
    data = [noise(1, 150_000), noise(1, 150_000) + b"more", b"and " + noise(1, 150_000)]
    made = []
    for old, new in ((0, 1), (1, 2)):
        paths = [tmp_path / str(number) for number in (old, new)]
        for path, content in zip(paths, (data[old], data[new]), strict=True):
            path.write_bytes(content)
        encoded = io.BytesIO()
        delta.encode(paths[0], paths[1], encoded, lambda _: None)
        made.append(encoded.getvalue())
    base, middle = (hashlib.sha256(one).hexdigest() for one in data[:2])
    folder, packed = tmp_path / "in", zstandard.compress(data[0])
    items = [
        source(folder, "last", data[2], made[1], encoding="delta", base=middle, store="layout"),
        source(folder, "middle", data[1], made[0], encoding="delta", base=base, store="layout"),
        source(folder, "first", data[0], packed, encoding="zstd", store="layout"),
    ]
    bundle(out, items)
    assert receive(space, out).taken == 3
    assert visible(space) == digests(items)


def test_a_delta_against_what_is_not_here_is_named(
    tmp_path: Path, out: Path, items: list[Source], space: Workspace
) -> None:
    odd = source(tmp_path / "in", "odd", b"x" * 9, b"y" * 9, encoding="delta", base="a" * 64)
    bundle(out, [*items, odd])
    with pytest.raises(MissingInputError, match="odd is a difference against aaaaaaaaaaaa…"):
        receive(space, out)
    assert visible(space) == digests(items)


def test_a_delta_whose_base_rotted_here_says_so(
    tmp_path: Path, out: Path, space: Workspace
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(noise(1, 90_000))
    new.write_bytes(noise(1, 90_000) + b"!")
    encoded = io.BytesIO()
    delta.encode(old, new, encoded, lambda _: None)
    base = hashlib.sha256(old.read_bytes()).hexdigest()
    rotten = Stores(space).path("mirror", base)
    rotten.parent.mkdir(parents=True)
    rotten.write_bytes(noise(2, 90_000))
    item = source(
        tmp_path / "in", "new", new.read_bytes(), encoded.getvalue(), encoding="delta", base=base
    )
    bundle(out, [item])
    with pytest.raises(MissingInputError, match="damaged here"):
        receive(space, out)
    assert visible(space) == {base}


@pytest.mark.parametrize("encoding", ["raw", "zstd"])
def test_an_item_that_is_not_what_the_index_says_is_refused(
    tmp_path: Path, out: Path, items: list[Source], space: Workspace, encoding: str
) -> None:
    data = b"x" * 5000
    packed = data if encoding == "raw" else zstandard.compress(b"y" * 5000)
    lie = source(tmp_path / "in", "lie", data, packed, encoding=encoding)
    if encoding == "raw":
        lie.path.rename(lie.path.with_name("kept"))
        fields = {"sha256": "b" * 64, "digest": "", "encoding": "zstd"}
        lie = source(tmp_path / "in", "lie", data, **fields)
    bundle(out, [*items, lie])
    with pytest.raises(RefusedError, match="lie is not what the index says"):
        receive(space, out)
    assert visible(space) == digests(items)


def test_volumes_come_one_at_a_time_in_any_order(
    tmp_path: Path, out: Path, items: list[Source], space: Workspace
) -> None:
    bundle(out, items, SPLIT, 0.1)
    volumes = sorted(out.glob("volume-*"), reverse=True)
    assert len(volumes) > 1
    for number, volume in enumerate(volumes, 1):
        disk = tmp_path / f"disk {number}"
        disk.mkdir()
        shutil.copy(volume, disk)
        if number < len(volumes):
            with pytest.raises(ShortageError) as caught:
                receive(space, disk)
            assert volume.name not in caught.value.hint
            assert volumes[-1].name in caught.value.hint
            assert wrong(space) == []
        else:
            receive(space, disk)
    assert visible(space) == digests(items)
    assert not list(staging_path(space).glob("*"))


def test_every_missing_item_is_named_with_its_volumes(
    out: Path, items: list[Source], space: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    index = bundle(out, items, SPLIT)
    (out / "volume-001.cfv").unlink()
    with pytest.raises(ShortageError) as caught:
        receive(space, out)
    lost = {i.name for i in index.items if any(part.volume == 1 for part in i.parts)}
    assert {lack.name for lack in caught.value.lacks} == lost
    assert {lack.volumes for lack in caught.value.lacks} == {("volume-001.cfv",)}
    assert caught.value.exit_code == 3
    assert "\n" not in caught.value.message + caught.value.hint
    assert all(name in capsys.readouterr().err + caught.value.message for name in list(lost)[:1])
    assert visible(space) == digests([item for item in items if item.name not in lost])


def test_a_lost_volume_is_rebuilt_from_parity(
    out: Path, items: list[Source], space: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle(out, items, SPLIT, 0.8)
    (out / "volume-001.cfv").unlink()
    done = receive(space, out)
    assert list(done.repaired) == [1]
    assert f"repaired {done.repaired[1]} shards of volume 1" in capsys.readouterr().err
    assert visible(space) == digests(items)


def test_damage_is_rebuilt_and_counted(out: Path, items: list[Source], space: Workspace) -> None:
    index = bundle(out, items, SPLIT, 0.3)
    spoil(out / "volume-002.cfv", (70_000, 10))
    done = receive(space, out)
    assert done.repaired == {2: 1}
    assert index.parity
    assert visible(space) == digests(items)


def test_a_volume_with_a_broken_end_is_known_by_its_name(
    out: Path, items: list[Source], space: Workspace
) -> None:
    bundle(out, items, SPLIT)
    for volume in out.glob("*.cfv"):
        spoil(volume, (volume.stat().st_size - 30, 10))
    receive(space, out)
    assert visible(space) == digests(items)


def test_a_volume_with_a_broken_end_finds_its_index_in_the_staging(
    tmp_path: Path, out: Path, items: list[Source], space: Workspace
) -> None:
    bundle(out, items, SPLIT)
    kept = out / "volume-001.cfv"
    disk = tmp_path / "disk"
    disk.mkdir()
    kept.rename(disk / kept.name)
    with pytest.raises(ShortageError):
        receive(space, out)
    spoil(disk / kept.name, ((disk / kept.name).stat().st_size - 30, 10))
    receive(space, disk)
    assert visible(space) == digests(items)


def test_a_folder_that_holds_nothing_is_named(tmp_path: Path, space: Workspace) -> None:
    (tmp_path / "none").mkdir()
    with pytest.raises(MissingInputError, match="no index of a bundle is here"):
        receive(space, tmp_path / "none")
    with pytest.raises(MissingInputError, match="cannot read"):
        receive(space, tmp_path / "elsewhere")


def test_a_disk_that_is_too_small_is_known_before_anything_is_written(
    out: Path, items: list[Source], space: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(out, items)
    usage = shutil.disk_usage(out)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ColdforgeError, match=r"needs 350\.0 kB, the disk of .* has 1\.0 kB"):
        receive(space, out)
    assert visible(space) == set()


def test_one_receive_at_a_time(out: Path, items: list[Source], space: Workspace) -> None:
    bundle(out, items)
    with (
        alone(space),
        pytest.raises(ColdforgeError, match="another receive is under way here"),
    ):
        receive(space, out)


def test_an_older_bundle_is_refused_with_both_dates(
    tmp_path: Path, items: list[Source], space: Workspace
) -> None:
    bundle(tmp_path / "new", items[:3], serial=SERIAL + 86400)
    bundle(tmp_path / "old", items[3:])
    receive(space, tmp_path / "new")
    with pytest.raises(RefusedError, match=r"2023-11-14 .* 2023-11-15") as caught:
        receive(space, tmp_path / "old")
    assert "--older" in caught.value.hint
    assert visible(space) == digests(items[:3])
    assert receive(space, tmp_path / "old", Options(older=True)).taken == 3
    assert visible(space) == digests(items)
    with pytest.raises(RefusedError):
        receive(space, tmp_path / "old")


def test_an_older_bundle_of_another_kind_is_welcome(
    tmp_path: Path, items: list[Source], space: Workspace
) -> None:
    bundle(tmp_path / "new", items[:3], serial=SERIAL + 1)
    bundle(tmp_path / "old", items[3:], kind="install")
    receive(space, tmp_path / "new")
    assert receive(space, tmp_path / "old").taken == 3


def test_a_newer_bundle_clears_what_was_kept_of_an_older_one(
    tmp_path: Path, items: list[Source], space: Workspace
) -> None:
    bundle(tmp_path / "old", items, SPLIT)
    (tmp_path / "old" / "volume-001.cfv").unlink()
    with pytest.raises(ShortageError):
        receive(space, tmp_path / "old")
    assert len(list(staging_path(space).iterdir())) == 1
    bundle(tmp_path / "new", items, SPLIT, serial=SERIAL + 1)
    receive(space, tmp_path / "new")
    assert list(staging_path(space).iterdir()) == []


def test_two_bundles_in_one_folder_are_told_apart(
    tmp_path: Path, out: Path, items: list[Source], space: Workspace
) -> None:
    bundle(out, items)
    bundle(tmp_path / "other", items, serial=SERIAL + 1)
    shutil.copy(tmp_path / "other" / "volume-001.cfv", out / "volume-009.cfv")
    with pytest.raises(RefusedError, match="there are 2 bundles: demo for build of 2023-11-14"):
        receive(space, out)
    assert visible(space) == set()


def test_a_digest_told_by_hand_stands_for_a_signature(
    tmp_path: Path, out: Path, items: list[Source]
) -> None:
    bundle(out, items, keys=[])
    space = place(tmp_path / "closed")
    space.trust.unlink()
    with pytest.raises(RefusedError, match="no index here has the sha256"):
        receive(space, out, Options(digest="0" * 64))
    digest = hashlib.sha256((out / "index.json").read_bytes()).hexdigest()
    receive(space, out, Options(digest=digest.upper()))
    assert visible(space) == digests(items)


def rotation(old: Trust, new: Trust, *names: str) -> Envelope:
    del old
    signed = [sign(PAYLOAD_TYPE, new.payload, private(name)) for name in names]
    return seal(PAYLOAD_TYPE, new.payload, signed)


def test_a_rotation_comes_with_the_bundle_that_needs_it(
    out: Path, items: list[Source], space: Workspace
) -> None:
    new = trust("successor", version=2)
    envelope = rotation(read_trust(space.trust), new, "sender", "successor")
    bundle(out, items, keys=[private("successor")], rotations=[envelope])
    receive(space, out)
    assert read_trust(space.trust) == new
    assert remembered(space.trust) == [envelope]  # for the bundles that this place makes


def test_a_rotation_that_the_old_keys_did_not_sign_changes_nothing(
    out: Path, items: list[Source], space: Workspace
) -> None:
    before = read_trust(space.trust)
    envelope = rotation(before, trust("thief", version=2), "thief")
    bundle(out, items, keys=[private("thief")], rotations=[envelope])
    with pytest.raises(RefusedError, match="signed by no key trusted here"):
        receive(space, out)
    assert read_trust(space.trust) == before
    assert visible(space) == set()


def image(folder: Path, lack: bool = False) -> tuple[list[Source], dict[str, Any]]:
    """An image of one layer with evidence, as items and a tag."""
    layer, config = noise("layer", 70_000), b'{"architecture":"amd64"}'
    parts = [
        source(folder, name, data, store="layout")
        for name, data in (("layer", layer), ("config", config), ("empty", b"{}"), ("sbom", b"[]"))
    ]
    said = [{"digest": f"sha256:{one.sha256}", "size": one.size} for one in parts]
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, **said[1]},
        "layers": [{"mediaType": LAYER, **said[0]}],
    }
    main = source(folder, "manifest", json.dumps(manifest).encode(), store="layout")
    tag = {"mediaType": MANIFEST, "digest": f"sha256:{main.sha256}", "size": main.size}
    evidence = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/sbom",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", **said[2]},
        "layers": [{"mediaType": "application/sbom", **said[3]}],
        "subject": tag,
    }
    refers = source(folder, "evidence", json.dumps(evidence).encode(), store="layout")
    return [*parts[lack:], main, refers], tag


def test_an_image_gets_its_name_and_its_evidence(
    tmp_path: Path, out: Path, space: Workspace
) -> None:
    items, tag = image(tmp_path / "in")
    bundle(out, items, kind="install", tags={"demo": tag}, image=tag["digest"])
    assert receive(space, out).images == ["demo"]
    layout = Layout(space.build / "oci")
    assert layout.tags()["demo"]["digest"] == tag["digest"]
    (referrer,) = layout.referrers(tag["digest"])
    assert referrer["artifactType"] == "application/sbom"
    ledger_path(space).unlink()
    receive(space, out)
    assert len(layout.referrers(tag["digest"])) == 1


def test_an_image_of_which_a_part_is_nowhere_gets_no_name(
    tmp_path: Path, out: Path, space: Workspace
) -> None:
    items, tag = image(tmp_path / "in", lack=True)
    bundle(out, items, kind="install", tags={"demo": tag}, image=tag["digest"])
    with pytest.raises(MissingInputError, match="image demo lacks 1 parts"):
        receive(space, out)
    assert Layout(space.build / "oci").tags() == {}
    assert not ledger_path(space).exists()


def test_an_older_bundle_names_no_image(tmp_path: Path, out: Path, space: Workspace) -> None:
    items, tag = image(tmp_path / "in")
    bundle(tmp_path / "new", items[:1], kind="install", serial=SERIAL + 1)
    receive(space, tmp_path / "new")
    bundle(out, items, kind="install", tags={"demo": tag}, image=tag["digest"])
    assert receive(space, out, Options(older=True)).images == []
    assert Layout(space.build / "oci").tags() == {}


def test_a_checkout_with_another_lock_is_told(
    out: Path, items: list[Source], space: Workspace
) -> None:
    bundle(out, items)
    space.lock("demo").write_text("another\n", "utf-8")
    assert "demo.lock of this checkout is not the one" in receive(space, out).project


def test_a_place_without_that_stack_is_told_nothing_of_locks(
    out: Path, items: list[Source], space: Workspace
) -> None:
    bundle(out, items)
    assert receive(space, out).project == ""
