import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.flatten import PackedLayer, flatten, layers_of
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.filesystem.tree import read_tree, union
from coldforge.stack.lock import Entry

TarOf = Callable[[Iterable[tuple[Member, bytes]]], Path]


def file(path: str, content: bytes = b"", mode: int = 0o644) -> tuple[Member, bytes]:
    return Member(path, "file", mode, size=len(content)), content


def packed(tar: Path, number: int = 1, squeeze: Callable[[bytes], bytes] = bytes) -> PackedLayer:
    data = tar.read_bytes()
    place = tar.with_suffix(f".{number}")
    place.write_bytes(squeeze(data))
    diff_id = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return PackedLayer(f"layer {number} of a/b", place, diff_id)


def flat(layers: list[PackedLayer], scratch: Path) -> Path:
    out = scratch / "flat.tar"
    with out.open("wb") as stream:
        writer = LayerWriter(stream, 0)
        flatten(layers, writer, scratch)
        writer.close()
    return out


def content(tar: Path) -> dict[str, bytes]:
    with tarfile.open(tar) as archive:
        return {
            info.name: stream.read()
            for info in archive
            if (info.isfile() or info.islnk()) and (stream := archive.extractfile(info))
        }


def test_layers_are_united_from_the_bottom_up(tar_of: TarOf, tmp_path: Path) -> None:
    layers = [
        tar_of([file("a", b"1"), file("d/x", b"x"), file("d/y", b"y"), file("e/z", b"z")]),
        tar_of([file("a", b"2"), file("d/.wh.x"), file("e/.wh..wh..opq"), file("e/n", b"n")]),
    ]
    out = flat([packed(tar, number) for number, tar in enumerate(layers)], tmp_path)
    assert content(out) == {"a": b"2", "d/y": b"y", "e/n": b"n"}


@pytest.mark.parametrize(
    "squeeze", [bytes, gzip.compress, zstandard.ZstdCompressor().compress], ids=["tar", "gz", "zst"]
)
def test_the_same_tar_in_any_wrapping_gives_the_same_layer(
    squeeze: Callable[[bytes], bytes], tar_of: TarOf, tmp_path: Path
) -> None:
    tar = tar_of([file("b", b"b" * 5000), file("a", b"a")])
    out = flat([packed(tar, squeeze=squeeze)], tmp_path)
    assert list(content(out)) == ["a", "b"]
    assert content(out)["b"] == b"b" * 5000


def test_members_keep_owner_mode_and_capability_and_lose_the_rest(tmp_path: Path) -> None:
    raw = tmp_path / "raw.tar"
    with tarfile.open(raw, "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("bin/ping")
        info.mode, info.uid, info.gid, info.uname, info.mtime, info.size = 0o4755, 3, 4, "me", 9, 1
        attributes = ("security.capability", "user.note", "trusted.overlay.opaque")
        info.pax_headers = {f"SCHILY.xattr.{name}": name for name in attributes}
        archive.addfile(info, io.BytesIO(b"p"))
    with tarfile.open(flat([packed(raw)], tmp_path)) as archive:
        kept = archive.getmember("bin/ping")
    assert (kept.mode, kept.uid, kept.gid, kept.uname, kept.mtime) == (0o4755, 3, 4, "", 0)
    extended = {key for key in kept.pax_headers if key.startswith("SCHILY")}
    assert extended == {"SCHILY.xattr.security.capability"}


def test_hard_links_stay_links_among_what_is_left(tar_of: TarOf, tmp_path: Path) -> None:
    below = tar_of([
        file("b", b"text"),
        (Member("a", "hardlink", 0o644, link="b"), b""),
        (Member("c", "hardlink", 0o644, link="b"), b""),
    ])  # fmt: skip
    above = tar_of([file("b", b"other")])
    with tarfile.open(flat([packed(below, 1), packed(above, 2)], tmp_path)) as archive:
        kinds = {info.name: (info.islnk(), info.linkname) for info in archive}
    assert kinds == {"a": (False, ""), "b": (False, ""), "c": (True, "a")}


def test_a_link_to_what_the_layer_leaves_out_is_a_file(tar_of: TarOf, tmp_path: Path) -> None:
    link = (Member("usr/x", "hardlink", 0o644, link="tmp/x"), b"")
    out = flat([packed(tar_of([file("tmp/x", b"text"), link]))], tmp_path)
    assert content(out) == {"usr/x": b"text"}


def test_devices_under_dev_are_passed_over_and_elsewhere_refused(tmp_path: Path) -> None:
    def layer(name: str) -> PackedLayer:
        raw = tmp_path / "raw.tar"
        with tarfile.open(raw, "w") as archive:
            info = tarfile.TarInfo(name)
            info.type = tarfile.CHRTYPE
            archive.addfile(info)
            archive.addfile(tarfile.TarInfo("a"))
        return packed(raw)

    assert list(content(flat([layer("dev/null")], tmp_path))) == ["a"]
    with pytest.raises(ColdforgeError, match="layer 1 of a/b: /opt/null is a device"):
        flat([layer("opt/null")], tmp_path)


def test_content_other_than_the_config_s_diff_id_is_refused(tar_of: TarOf, tmp_path: Path) -> None:
    good, bad = (packed(tar_of([file(name)]), number) for number, name in enumerate("ab"))
    with pytest.raises(ColdforgeError, match="layer 1 of a/b is not what the image's config says"):
        flat([good, bad._replace(diff_id=good.diff_id)], tmp_path)


@pytest.mark.parametrize("cut", [5, 60])
def test_a_damaged_layer_is_named(cut: int, tar_of: TarOf, tmp_path: Path) -> None:
    whole = packed(tar_of([file("a", bytes(range(256)) * 40)]), squeeze=gzip.compress)
    whole.path.write_bytes(whole.path.read_bytes()[:-cut])
    with pytest.raises(ColdforgeError, match="layer 1 of a/b is not a sound archive"):
        flat([whole], tmp_path)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_a_member_that_escapes_is_refused(name: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw.tar"
    with tarfile.open(raw, "w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    with pytest.raises(ColdforgeError, match="layer 1 of a/b: unsafe member name"):
        flat([packed(raw)], tmp_path)


def test_a_layer_without_an_end_does_not_run_on_into_the_next(tmp_path: Path) -> None:
    layers = []
    for number, name in enumerate(("a", "b")):
        raw = tmp_path / f"raw{number}.tar"
        raw.write_bytes(tarfile.TarInfo(name).tobuf())
        layers.append(packed(raw, number))
    assert content(flat(layers, tmp_path)) == {"a": b"", "b": b""}


def test_nothing_is_left_in_the_scratch_folder(tar_of: TarOf, tmp_path: Path) -> None:
    layer = packed(tar_of([file("a")]))
    before = set(tmp_path.iterdir())
    assert set(flat([layer], tmp_path).parent.iterdir()) - before == {tmp_path / "flat.tar"}


NAMES = st.sampled_from(["a", "b", "d", "d/a", "d/b", "d/e/a", ".wh.a", "d/.wh.a", ".wh.d"])


@given(layers=st.lists(st.dictionaries(NAMES, st.binary(max_size=3)), max_size=4))
def test_it_is_the_union_that_a_build_sees(
    layers: list[dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("layers")
    tars = []
    for number, files in enumerate(layers):
        # A file and a folder of one name are no layer.
        fit = [n for n in sorted(files) if not any(m.startswith(f"{n}/") for m in files)]
        tars.append(folder / f"{number}.tar")
        with tars[-1].open("wb") as stream:
            writer = LayerWriter(stream, 0)
            for name in fit:
                writer.add(*file_of(name, files[name]))
            writer.close()
    out = flat([packed(tar, number) for number, tar in enumerate(tars)], folder)
    seen, expected = read_tree(out), union([read_tree(tar) for tar in tars])
    assert {path: (n.member, n.sha256) for path, n in seen.items()} == {
        path: (n.member, n.sha256) for path, n in expected.items()
    }


def file_of(name: str, data: bytes) -> tuple[Member, io.BytesIO]:
    return Member(name, "file", 0o644, size=len(data)), io.BytesIO(data)


def image(tmp_path: Path, layers: list[str], diff_ids: list[str]) -> list[tuple[Entry, Path]]:
    documents = {
        "manifest": {"layers": [{"digest": f"sha256:{name * 64}"} for name in layers]},
        "config": {"rootfs": {"diff_ids": diff_ids}},
    }
    found = []
    for role in ("config", *(f"layer {name}" for name in sorted(set(layers))), "manifest"):
        place = tmp_path / role
        place.write_text(json.dumps(documents.get(role)))
        sha256 = role[-1] * 64
        found.append((Entry("base", "registry", f"a/b {role}", "1", "a/b", 1, sha256), place))
    return found


def test_the_manifest_gives_the_order_and_the_config_the_diff_ids(tmp_path: Path) -> None:
    found = layers_of(image(tmp_path, ["c", "b", "c"], ["1", "2", "3"]))
    assert [layer.name for layer in found] == [f"layer {n} of a/b" for n in (1, 2, 3)]
    assert [layer.path.name for layer in found] == ["layer c", "layer b", "layer c"]
    assert [layer.diff_id for layer in found] == ["1", "2", "3"]


def test_no_image_has_no_layers() -> None:
    assert layers_of([]) == []


@pytest.mark.parametrize("lost", ["config", "manifest", "layer c"])
def test_an_image_of_which_the_lock_lost_a_part_is_refused(lost: str, tmp_path: Path) -> None:
    entries = [item for item in image(tmp_path, ["c"], ["1"]) if not item[0].name.endswith(lost)]
    with pytest.raises(ColdforgeError, match="the lock lacks a part of image a/b"):
        layers_of(entries)


def test_a_config_of_fewer_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="lacks a part of image"):
        layers_of(image(tmp_path, ["c", "d"], ["1"]))
