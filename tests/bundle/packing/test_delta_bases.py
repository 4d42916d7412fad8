from pathlib import Path

from coldforge.bundle.packing.contents import RequiredBlob, blobs_to_build, image_to_install
from coldforge.bundle.packing.delta_bases import MIN_SIZE, DeltaBases, record_lineages
from coldforge.paths import Workspace
from tests.bundle.bundles import random_bytes
from tests.bundle.sender import entry, image, inventory_of, sending_site, write_site_lock

BIG = MIN_SIZE + 1000


def layer_blob(space: Workspace, name: str) -> RequiredBlob:
    [found] = [
        blob for blob in image_to_install(space, "demo").blobs if blob.name == f"layer {name}"
    ]
    return found


def built_twice(tmp_path: Path) -> tuple[Workspace, RequiredBlob, RequiredBlob]:
    """Layer python of an earlier image, and that of the present one."""
    space = sending_site(tmp_path / "here")
    image(space, {"python": random_bytes("old", BIG), "other": random_bytes("other", BIG)})
    old = layer_blob(space, "python")
    image(space, {"python": random_bytes("new", BIG + 900_000)})
    return space, old, layer_blob(space, "python")


def test_the_base_of_a_layer_is_the_receivers_layer_of_that_name(tmp_path: Path) -> None:
    space, old, new = built_twice(tmp_path)
    everything = [path.name for path in old.path.parent.iterdir()]
    base = DeltaBases(space, inventory_of(layout=everything)).find(new)
    assert base is not None
    assert (base.sha256, base.path, base.lineage) == (old.sha256, old.path, "layer python")


def test_what_the_receiver_lacks_is_no_base(tmp_path: Path) -> None:
    space, _old, new = built_twice(tmp_path)
    assert DeltaBases(space, inventory_of()).find(new) is None


def test_what_is_not_here_any_more_is_no_base(tmp_path: Path) -> None:
    space, old, new = built_twice(tmp_path)
    old.path.unlink()
    assert DeltaBases(space, inventory_of(layout=[old.sha256])).find(new) is None


def test_a_layer_without_a_namesake_is_compared_with_one_of_its_size(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    image(space, {"near": random_bytes(1, BIG), "far": random_bytes(2, 2 * BIG)})
    near, far = layer_blob(space, "near"), layer_blob(space, "far")
    image(space, {"python": random_bytes(3, BIG + 10_000)})
    base = DeltaBases(space, inventory_of(layout=[near.sha256, far.sha256])).find(
        layer_blob(space, "python")
    )
    assert base is not None
    assert base.sha256 == near.sha256
    assert (
        DeltaBases(space, inventory_of(layout=[far.sha256])).find(layer_blob(space, "python"))
        is None
    )


def test_the_earlier_version_of_a_wheel_is_remembered_from_the_last_bundle(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here", torch=random_bytes("old", BIG))
    record_lineages(space)
    [old] = [blob for blob in blobs_to_build(space, "demo") if blob.name == "torch 2"]
    [libc] = [one for one in blobs_to_build(space, "demo") if one.name == "libc6 1"]
    moved = entry(space, "python", "python", "torch 3", random_bytes("new", BIG))
    held = entry(space, "base", "debian", "libc6 1", libc.path.read_bytes())
    write_site_lock(space, "demo", [held, moved])
    [new] = [blob for blob in blobs_to_build(space, "demo") if blob.name == "torch 3"]
    base = DeltaBases(space, inventory_of(mirror=[old.sha256])).find(new)
    assert base is not None
    assert base.sha256 == old.sha256


def test_small_blobs_and_packages_of_debian_are_sent_whole(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    entry(space, "base", "debian", "gcc 1", random_bytes("old", BIG))
    assert record_lineages(space)
    blobs = blobs_to_build(space, "demo")
    bases = DeltaBases(space, inventory_of(mirror=[blob.sha256 for blob in blobs]))
    assert [bases.find(blob) for blob in blobs] == [None, None]


def test_names_that_cannot_be_read_are_told_again(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    before = record_lineages(space)
    (space.build / "bundle" / "names.json").write_bytes(b"{")
    assert record_lineages(space) == before
