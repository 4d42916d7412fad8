import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coldforge.bundle.format.validate import read_index
from coldforge.bundle.packing.bundle import PackOptions, bundle
from coldforge.bundle.packing.contents import blobs_to_build, image_to_install
from coldforge.bundle.packing.tool import RUNTIME, collect_tool
from coldforge.errors import ColdforgeError
from coldforge.image.oci.layout import Layout
from tests.bundle.bundles import random_bytes
from tests.bundle.sender import image, inventory_of, sending_site

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def test_a_bundle_for_building_holds_the_blobs_and_the_tool(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    made = bundle(space, "demo", "build", tmp_path / "out")
    parts = [*blobs_to_build(space, "demo"), *collect_tool(space).blobs]
    assert {item.sha256 for item in made.index.items} == {blob.sha256 for blob in parts}
    assert {item.encoding for item in made.index.items} == {"raw"}
    assert (made.index.tags, made.index.image, made.left_out) == ({}, "", 0)


def test_a_bundle_for_installing_holds_the_image_and_the_tool(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    manifest = image(space, {"python": random_bytes(1, 200_000)})
    made = bundle(space, "demo", "install", tmp_path / "out")
    parts = [*image_to_install(space, "demo").blobs, *collect_tool(space).blobs]
    assert {item.sha256 for item in made.index.items} == {blob.sha256 for blob in parts}
    assert made.index.image == manifest.digest
    assert made.index.tags == {"demo": manifest.json()}


@pytest.mark.parametrize("kind", ["build", "install"])
def test_the_tool_lies_first_and_raw(tmp_path: Path, kind: str) -> None:
    space = sending_site(tmp_path / "here")
    image(space, {"python": random_bytes(1, 200_000)})
    made = bundle(space, "demo", kind, tmp_path / "out")  # type: ignore[arg-type]
    first = made.index.items[: len(RUNTIME) + 2]
    assert {item.sha256 for item in first} == {blob.sha256 for blob in collect_tool(space).blobs}
    assert {item.encoding for item in first} == {"raw"}


def test_what_the_receiver_has_is_left_out(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    [torch] = [blob for blob in blobs_to_build(space, "demo") if blob.name == "torch 2"]
    have = inventory_of(mirror=[blob.sha256 for blob in collect_tool(space).blobs])
    made = bundle(space, "demo", "build", tmp_path / "out", PackOptions(have))
    assert [item.sha256 for item in made.index.items] == [torch.sha256]
    assert made.left_out == len(RUNTIME) + 2
    assert made.index.tool == collect_tool(space).tool


def test_a_changed_layer_crosses_as_what_changed(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    image(
        space, {"base": random_bytes("base", 3_000_000), "python": random_bytes("old", 3_000_000)}
    )
    held = [blob.sha256 for blob in image_to_install(space, "demo").blobs]
    image(
        space,
        {
            "base": random_bytes("base", 3_000_000),
            "python": random_bytes("old", 3_000_000) + b"new",
        },
    )
    have = inventory_of([blob.sha256 for blob in collect_tool(space).blobs], held)
    made = bundle(space, "demo", "install", tmp_path / "out", PackOptions(have))
    [layer] = [item for item in made.index.items if item.name == "layer python"]
    assert (layer.encoding, layer.base in held) == ("delta", True)
    assert made.saved > layer.size / 2


def test_what_is_made_is_what_a_receiver_takes(tmp_path: Path) -> None:
    space, out = sending_site(tmp_path / "here"), tmp_path / "out"
    image(space, {"python": random_bytes(1, 500_000)})
    made = bundle(space, "demo", "install", out, PackOptions(None, 300_000, 0.1, [KEY]))
    data = (out / "index.json").read_bytes()
    assert read_index(data) == made.index
    assert made.bundle == hashlib.sha256(data).hexdigest()
    assert made.size == sum(path.stat().st_size for path in out.iterdir())
    assert len(made.index.volumes) > 1
    assert all(made.files[path.name] <= 300_000 for path in out.glob("*.cfv"))


def test_making_it_again_changes_nothing(tmp_path: Path) -> None:
    space, out = sending_site(tmp_path / "here"), tmp_path / "out"
    assert bundle(space, "demo", "build", out) == bundle(space, "demo", "build", out)


def test_a_folder_of_something_else_is_refused_before_any_work(tmp_path: Path) -> None:
    space, out = sending_site(tmp_path / "here"), tmp_path / "out"
    out.mkdir()
    (out / "holiday.jpg").write_bytes(b"sun")
    with pytest.raises(ColdforgeError, match=r"holiday.jpg"):
        bundle(space, "demo", "install", out)


def test_nothing_is_pruned_while_it_is_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from coldforge.bundle.packing import bundle as make

    space = sending_site(tmp_path / "here")
    real = make.pack

    def pack(*arguments: object, **named: object) -> object:
        layout = Layout(space.build / "oci")
        with pytest.raises(ColdforgeError, match="under way"), layout.held(exclusive=True):
            pass
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(make, "pack", pack)
    bundle(space, "demo", "build", tmp_path / "out")
