from pathlib import Path

import pytest

from coldforge.bundle.packing.contents import (
    blobs_to_build,
    image_to_install,
    layer_names,
    local_image,
    required_blobs,
)
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.image.oci.layout import Layout
from coldforge.mirror.store import Store
from coldforge.stack.lock import Entry
from tests.bundle.bundles import random_bytes
from tests.bundle.sender import image, sending_site


def test_a_build_needs_each_blob_that_its_lock_names(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    assert sorted(blob.name for blob in blobs_to_build(space, "demo")) == ["libc6 1", "torch 2"]
    assert all(blob.path.is_file() for blob in blobs_to_build(space, "demo"))


def test_a_build_needs_what_its_builder_needs(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    file = space.stacks / "demo.toml"
    file.write_text('builder = "tool"\n' + file.read_text("utf-8"), "utf-8")
    assert "invoke 1" in {blob.name for blob in blobs_to_build(space, "demo")}


def test_what_the_mirror_lacks_is_named(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    for blob in blobs_to_build(space, "demo"):
        blob.path.unlink()
    with pytest.raises(MissingInputError, match=r"lacks libc6 1, torch 2$") as caught:
        blobs_to_build(space, "demo")
    assert caught.value.hint == "run: ./invokew mirror.fetch --stack demo"


def test_of_many_missing_blobs_some_are_named(tmp_path: Path) -> None:
    entries = [Entry("a", "python", f"p{n}", "1", f"p{n}.whl", 1, f"{n:064x}") for n in range(8)]
    with pytest.raises(MissingInputError, match=r"p4 1 and 3 more"):
        required_blobs(Store(tmp_path), entries, "demo")


def test_an_install_needs_the_image_and_all_that_refers_to_it(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    manifest = image(space, {"base": b"base", "python": random_bytes(1, 100_000)})
    layout = Layout(space.build / "oci")
    bom = layout.refer(manifest, "application/bom", "application/json", b'{"bom":1}')
    layout.refer(bom, "application/attest", "application/json", b'{"attest":1}')
    found = image_to_install(space, "demo")
    assert (found.digest, found.tag["digest"]) == (manifest.digest, manifest.digest)
    names = [blob.name for blob in found.blobs]
    assert names[:4] == ["manifest of demo", "config of demo", "layer base", "layer python"]
    assert "evidence of demo: application/bom" in names
    assert "evidence of demo: manifest of application/attest" in names
    digests = {path.name for path in (layout.root / "blobs" / "sha256").iterdir()}
    assert {blob.sha256 for blob in found.blobs} == digests
    assert {blob.store for blob in found.blobs} == {"layout"}


def test_an_image_that_is_not_built_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError) as caught:
        image_to_install(sending_site(tmp_path / "here"), "demo")
    assert caught.value.hint == "run: ./invokew image.build --stack demo"


def test_an_image_of_another_lock_is_not_sent(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    image(space, {"base": b"base"}, **{"coldforge.lock": "sha256:other"})
    with pytest.raises(ColdforgeError, match="built from another lock"):
        image_to_install(space, "demo")


def test_a_layer_that_was_removed_is_named(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    image(space, {"base": b"base"})
    [path] = [
        blob.path for blob in image_to_install(space, "demo").blobs if blob.name == "layer base"
    ]
    path.unlink()
    with pytest.raises(MissingInputError, match="layer base is missing"):
        image_to_install(space, "demo")


def test_only_an_image_of_this_very_checkout_is_promised(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    assert local_image(space, "demo") == ""
    manifest = image(space, {"base": b"base"})
    assert local_image(space, "demo") == manifest.digest
    image(space, {"base": b"base"}, **{"org.opencontainers.image.revision": "another"})
    assert local_image(space, "demo") == ""


def test_layers_without_a_history_of_ours_have_no_names() -> None:
    diffs = {"diff_ids": [f"sha256:{'a' * 64}"]}
    assert layer_names({"rootfs": diffs, "history": [{"created_by": "make"}]}) == {}
    assert layer_names({"rootfs": diffs, "history": []}) == {}
    assert layer_names({}) == {}
