import hashlib
import json
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.index import INDEX
from coldforge.image.layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout


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
