import hashlib
import json
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.oci.config import image_manifest
from coldforge.image.oci.export import export
from coldforge.image.oci.layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A layout with images `one` and `two`."""
    layout = Layout(tmp_path / "build" / "oci")
    for name in ("one", "two"):
        with layout.scratch() as stream:
            stream.write(name.encode())
            sha256 = hashlib.sha256(name.encode()).hexdigest()
            layer = layout.keep(stream, sha256, LAYER)
        config = layout.put({"name": name}, CONFIG)
        layout.tag(name, layout.put(image_manifest(config, [layer]), MANIFEST))
    return layout


def test_an_export_is_a_layout_of_one_image_and_no_more(layout: Layout, tmp_path: Path) -> None:
    made = export(layout, "one", tmp_path / "out")
    copy = Layout(tmp_path / "out")
    assert list(copy.tags()) == ["one"]
    assert copy.tags()["one"]["digest"] == made.digest == layout.tags()["one"]["digest"]
    blobs = list((tmp_path / "out" / "blobs" / "sha256").iterdir())
    assert len(blobs) == 3
    for blob in blobs:
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert (tmp_path / "out" / "oci-layout").is_file()


def test_the_folder_above_is_made(layout: Layout, tmp_path: Path) -> None:
    export(layout, "one", tmp_path / "a" / "b" / "out")
    assert (tmp_path / "a" / "b" / "out" / "index.json").is_file()


def test_an_export_may_be_repeated_and_gives_the_same(layout: Layout, tmp_path: Path) -> None:
    export(layout, "one", tmp_path / "out")
    before = (tmp_path / "out" / "index.json").read_bytes()
    export(layout, "one", tmp_path / "out")
    assert (tmp_path / "out" / "index.json").read_bytes() == before


def test_an_empty_folder_may_be_filled_even_from_inside(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    export(layout, "one", Path())
    assert list(Layout(tmp_path / "out").tags()) == ["one"]


def test_a_foreign_folder_is_left_alone(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years", "utf-8")
    with pytest.raises(ColdforgeError, match="holds something else"):
        export(layout, "one", tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("thesis.txt")] == ["thesis.txt"]


def test_a_file_in_the_way_is_left_alone(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("years", "utf-8")
    with pytest.raises(ColdforgeError, match="holds something else"):
        export(layout, "one", tmp_path / "out")


def test_a_layout_of_another_image_is_left_alone(layout: Layout, tmp_path: Path) -> None:
    export(layout, "two", tmp_path / "out")
    with pytest.raises(ColdforgeError, match="holds something else"):
        export(layout, "one", tmp_path / "out")
    assert list(Layout(tmp_path / "out").tags()) == ["two"]


def test_someone_else_s_layout_is_left_alone(layout: Layout, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', "utf-8")
    (out / "index.json").write_text(json.dumps({"manifests": [{"digest": "sha256:0"}]}), "utf-8")
    with pytest.raises(ColdforgeError, match="holds something else"):
        export(layout, "one", out)


def test_the_build_s_own_layout_is_left_alone(layout: Layout) -> None:
    layout.write_index([layout.tags()["one"]])
    with pytest.raises(ColdforgeError, match="holds something else"):
        export(layout, "one", layout.root)


def test_a_stack_that_is_not_built_says_what_to_run(layout: Layout, tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="stack 'three' is not built") as caught:
        export(layout, "three", tmp_path / "out")
    assert caught.value.hint == "run: ./invokew image.build --stack three"


def test_what_breaks_off_leaves_nothing_in_place(layout: Layout, tmp_path: Path) -> None:
    manifest = layout.read(layout.tags()["one"]["digest"])
    layout.blob(manifest["layers"][0]["digest"]).unlink()
    with pytest.raises(OSError, match="No such file"):
        export(layout, "one", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_refers_to_the_image_goes_with_it(layout: Layout, tmp_path: Path) -> None:
    made = {}
    for name in ("one", "two"):
        tag = layout.tags()[name]
        image = Descriptor(tag["mediaType"], tag["digest"], tag["size"])
        made[name] = layout.refer(image, "application/x-note", "text/plain", name.encode() * 2)
    export(layout, "one", tmp_path / "out")
    copy = Layout(tmp_path / "out")
    (entry,) = copy.referrers(copy.tags()["one"]["digest"])
    assert entry["digest"] == made["one"].digest
    note = copy.read(entry["digest"])["layers"][0]["digest"]
    assert copy.blob(note).read_bytes() == b"oneone"
    assert not copy.blob(made["two"].digest).exists()
