import hashlib
import json
import os
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.oci.config import image_manifest
from coldforge.image.oci.index import INDEX
from coldforge.image.oci.layout import (
    CONFIG,
    EMPTY,
    LAYER,
    MANIFEST,
    Descriptor,
    Layout,
    blobs_of,
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "oci")


def blobs(layout: Layout) -> list[Path]:
    return sorted((layout.root / "blobs" / "sha256").iterdir())


def test_a_document_lies_under_its_true_digest_and_size(layout: Layout) -> None:
    made = layout.put({"b": 1, "a": "ä"}, CONFIG)
    data = layout.blob(made.digest).read_bytes()
    assert made.digest == "sha256:" + hashlib.sha256(data).hexdigest()
    assert (made.size, made.media_type) == (len(data), CONFIG)
    assert layout.read(made.digest) == {"a": "ä", "b": 1}


@pytest.mark.parametrize("way", ["keep", "put"])
def test_a_blob_is_on_disk_before_it_has_its_name(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    folder = layout.root / "blobs" / "sha256"
    folder.mkdir(parents=True)
    events: list[str] = []
    sync, replace = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        same = os.path.samestat(os.fstat(handle), folder.stat())
        events.append("folder" if same else f"bytes:{os.fstat(handle).st_size}")
        sync(handle)

    def named(part: Path, path: Path) -> Path:
        events.append("name")
        return replace(part, path)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", named)
    if way == "put":
        layout.put_bytes(b"layer", LAYER)
    else:
        with layout.scratch() as stream:
            stream.write(b"layer")
            layout.keep(stream, hashlib.sha256(b"layer").hexdigest(), LAYER)
    assert events == ["bytes:5", "name", "folder"]


def test_equal_documents_are_one_blob(layout: Layout) -> None:
    assert layout.put({"a": 1, "b": 2}, CONFIG) == layout.put({"b": 2, "a": 1}, CONFIG)
    assert len(blobs(layout)) == 1


def test_a_scratch_file_becomes_a_blob_of_any_user_s_reading(layout: Layout) -> None:
    with layout.scratch() as stream:
        stream.write(b"layer")
        made = layout.keep(stream, hashlib.sha256(b"layer").hexdigest(), LAYER)
    assert layout.blob(made.digest).read_bytes() == b"layer"
    assert layout.blob(made.digest).stat().st_mode & 0o777 == 0o644
    assert blobs(layout) == [layout.blob(made.digest)]


def test_what_breaks_off_leaves_no_blob(layout: Layout) -> None:
    with pytest.raises(KeyboardInterrupt), layout.scratch() as stream:
        stream.write(b"half a lay")
        raise KeyboardInterrupt
    assert blobs(layout) == []


def test_until_it_is_kept_a_scratch_file_has_no_digest_s_name(layout: Layout) -> None:
    with layout.scratch() as stream:
        stream.write(b"half")
        stream.flush()
        assert [path.name[:6] for path in blobs(layout)] == [".part-"]


def test_a_document_that_is_not_there_is_named(layout: Layout) -> None:
    with pytest.raises(ColdforgeError, match="oci lacks blob sha256:00") as caught:
        layout.read("sha256:" + "0" * 64)
    assert caught.value.hint == "build it again"


def test_a_new_layout_has_no_names(layout: Layout) -> None:
    assert layout.tags() == {}


def test_a_name_leads_to_its_manifest_and_others_stay(layout: Layout) -> None:
    one, two, three = (Descriptor(MANIFEST, f"sha256:{n:064x}", n) for n in (1, 2, 3))
    layout.tag("b", one)
    layout.tag("a", two)
    layout.tag("b", three)
    assert {name: tag["digest"] for name, tag in layout.tags().items()} == {
        "a": two.digest,
        "b": three.digest,
    }


def test_the_index_is_what_the_specification_says(layout: Layout) -> None:
    layout.tag("demo", Descriptor(MANIFEST, "sha256:" + "0" * 64, 7))
    assert json.loads((layout.root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((layout.root / "index.json").read_bytes()) == {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {
                "mediaType": MANIFEST,
                "digest": "sha256:" + "0" * 64,
                "size": 7,
                "annotations": {"org.opencontainers.image.ref.name": "demo"},
            }
        ],
    }


def test_an_index_that_breaks_off_leaves_the_old_one(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.tag("old", Descriptor(MANIFEST, "sha256:" + "0" * 64, 7))

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="No space"):
            layout.tag("new", Descriptor(MANIFEST, "sha256:" + "1" * 64, 7))
    assert list(layout.tags()) == ["old"]
    layout.tag("new", Descriptor(MANIFEST, "sha256:" + "1" * 64, 7))
    assert list(layout.tags()) == ["new", "old"]


def test_the_index_does_not_depend_on_the_order_of_naming(tmp_path: Path) -> None:
    texts = []
    for order in (("a", "b"), ("b", "a")):
        layout = Layout(tmp_path / "".join(order))
        for name in order:
            layout.tag(name, Descriptor(MANIFEST, "sha256:" + "0" * 64, 7))
        texts.append((layout.root / "index.json").read_bytes())
    assert texts[0] == texts[1]


SBOM = "application/vnd.example.sbom+json"


@pytest.fixture
def image(layout: Layout) -> Descriptor:
    """An image named `demo`."""
    config = layout.put({"name": "demo"}, CONFIG)
    layer = layout.put_bytes(b"layer", LAYER)
    made = layout.put(image_manifest(config, [layer]), MANIFEST)
    layout.tag("demo", made)
    return made


def test_a_referrer_is_the_manifest_that_the_specification_says(
    layout: Layout, image: Descriptor
) -> None:
    made = layout.refer(image, SBOM, "application/json", b'{"a":1}', {"who": "me"})
    empty = hashlib.sha256(b"{}").hexdigest()
    assert layout.read(made.digest) == {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": SBOM,
        "config": {"mediaType": EMPTY, "digest": f"sha256:{empty}", "size": 2},
        "layers": [
            {
                "mediaType": "application/json",
                "digest": "sha256:" + hashlib.sha256(b'{"a":1}').hexdigest(),
                "size": 7,
            }
        ],
        "subject": image.json(),
        "annotations": {"who": "me"},
    }
    entry = made.json() | {"artifactType": SBOM, "annotations": {"who": "me"}}
    assert layout.referrers(image.digest) == [entry]
    assert layout.referrers(made.digest) == []


def test_what_refers_to_an_image_has_no_name(layout: Layout, image: Descriptor) -> None:
    layout.refer(image, SBOM, "application/json", b"1")
    assert list(layout.tags()) == ["demo"]


def test_to_refer_twice_is_to_refer_once(layout: Layout, image: Descriptor) -> None:
    made = layout.refer(image, SBOM, "application/json", b"1")
    before = (layout.root / "index.json").read_bytes()
    assert layout.refer(image, SBOM, "application/json", b"1") == made
    assert (layout.root / "index.json").read_bytes() == before


def test_a_new_name_leaves_what_refers_to_images_alone(layout: Layout, image: Descriptor) -> None:
    layout.refer(image, SBOM, "application/json", b"1")
    layout.refer(image, SBOM, "application/json", b"2")
    layout.tag("again", image)
    assert len(layout.referrers(image.digest)) == 2


def test_what_refers_to_a_named_image_is_reachable_and_nothing_else_is(
    layout: Layout, image: Descriptor
) -> None:
    other = layout.put({"config": {"digest": "sha256:1"}, "layers": []}, MANIFEST)
    made = layout.refer(image, SBOM, "application/json", b"1")
    stray = layout.refer(other, SBOM, "application/json", b"2")
    reached = layout.reachable()
    assert {made.digest, *blobs_of(layout.read(made.digest))} <= reached
    assert {stray.digest, other.digest} & reached == set()
    assert reached == {f"sha256:{path.name}" for path in blobs(layout)} - {
        stray.digest,
        other.digest,
        "sha256:" + hashlib.sha256(b"2").hexdigest(),
    }


def test_a_damaged_small_blob_is_written_again(layout: Layout) -> None:
    made = layout.put_bytes(b"right", LAYER)
    layout.blob(made.digest).write_bytes(b"wrong")
    layout.put_bytes(b"right", LAYER)
    assert layout.blob(made.digest).read_bytes() == b"right"


def test_what_refers_to_an_image_can_be_forgotten_and_the_image_cannot(
    layout: Layout, image: Descriptor
) -> None:
    one = layout.refer(image, SBOM, "application/json", b"1")
    two = layout.refer(image, SBOM, "application/json", b"2")
    layout.forget({one.digest, image.digest})
    assert [entry["digest"] for entry in layout.referrers(image.digest)] == [two.digest]
    assert list(layout.tags()) == ["demo"]
