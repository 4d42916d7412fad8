from pathlib import Path

import pytest

from coldforge.bundle.delta import delta, zstd_codec
from coldforge.bundle.packing import encoding
from coldforge.bundle.packing.contents import RequiredBlob, blobs_to_build, image_to_install
from coldforge.bundle.packing.delta_bases import DeltaBase, DeltaBases
from coldforge.bundle.packing.encoding import EncodingJob, encode_all
from coldforge.errors import ColdforgeError
from coldforge.paths import Workspace
from tests.bundle.bundles import random_bytes
from tests.bundle.sender import entry, image, inventory_of, sending_site

TEXT = b"".join(b"line %d of a file that packs well\n" % n for n in range(60_000))


def layer_blob(space: Workspace) -> RequiredBlob:
    [found] = [
        blob for blob in image_to_install(space, "demo").blobs if blob.name == "layer python"
    ]
    return found


def with_base(tmp_path: Path) -> tuple[Workspace, EncodingJob]:
    space = sending_site(tmp_path / "here")
    image(space, {"python": TEXT + random_bytes("old", 2_000_000)})
    old = layer_blob(space)
    image(
        space,
        {
            "python": b"changed\n"
            + TEXT
            + random_bytes("old", 2_000_000)
            + random_bytes("new", 1000)
        },
    )
    new = layer_blob(space)
    return space, EncodingJob(new, DeltaBases(space, inventory_of(layout=[old.sha256])).find(new))


def test_a_layer_is_packed(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    image(space, {"python": TEXT})
    blob = layer_blob(space)
    [source] = encode_all(space, [EncodingJob(blob)])
    assert (source.encoding, source.base) == ("zstd", "")
    assert source.encoded < blob.size / 5
    with source.path.open("rb") as stream:
        assert b"".join(zstd_codec.decompress(stream, blob.size)) == blob.path.read_bytes()


def test_a_layer_is_told_by_its_relative_where_that_is_smaller(tmp_path: Path) -> None:
    space, job = with_base(tmp_path)
    assert job.base is not None
    [source] = encode_all(space, [job])
    assert (source.encoding, source.base) == ("delta", job.base.sha256)
    assert source.encoded < job.blob.size / 100
    with source.path.open("rb") as stream:
        made = delta.decode(job.base.path, stream, job.blob.size)
        assert b"".join(made) == job.blob.path.read_bytes()


def test_a_relative_that_does_not_help_makes_nothing_bigger(tmp_path: Path) -> None:
    space, job = with_base(tmp_path)
    image(space, {"other": random_bytes("unlike", 2_000_000)})
    [unlike] = [n for n in image_to_install(space, "demo").blobs if n.name == "layer other"]
    stranger = DeltaBase(unlike.sha256, unlike.size, "", unlike.path)
    [alone] = encode_all(space, [EncodingJob(job.blob)])
    [source] = encode_all(space, [EncodingJob(job.blob, stranger)])
    assert source.encoded <= alone.encoded


def test_what_is_packed_already_stays_as_it_is(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here", torch=random_bytes("wheel", 2_000_000))
    sources = encode_all(space, [EncodingJob(blob) for blob in blobs_to_build(space, "demo")])
    assert {source.encoding for source in sources} == {"raw"}
    assert not (space.build / "bundle").exists()


def test_a_wheel_whose_relative_saves_too_little_stays_as_it_is(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here", torch=random_bytes("a", 2_000_000))
    [blob] = [blob for blob in blobs_to_build(space, "demo") if blob.name == "torch 2"]
    like = entry(space, "python", "python", "torch 1", random_bytes("b", 2_000_000))
    path = blob.path.parents[1] / like.sha256[:2] / like.sha256
    lineage = DeltaBase(like.sha256, like.size, "python torch", path)
    [source] = encode_all(space, [EncodingJob(blob, lineage)])
    assert source.encoding == "raw"


def test_an_encoding_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space, job = with_base(tmp_path)
    first = encode_all(space, [job])
    monkeypatch.delattr(encoding, "_make")
    assert encode_all(space, [job]) == first


def test_a_killed_run_leaves_nothing_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, job = with_base(tmp_path)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(encoding, "publish", killed)
    with pytest.raises(KeyboardInterrupt):
        encode_all(space, [job])
    monkeypatch.undo()
    [source] = encode_all(space, [job])
    assert source.encoding == "delta"
    assert not list((space.build / "bundle" / "encoded").glob("*.part"))


def test_a_damaged_layer_is_noticed_before_it_is_sent(tmp_path: Path) -> None:
    space = sending_site(tmp_path / "here")
    image(space, {"python": TEXT})
    blob = layer_blob(space)
    data = blob.path.read_bytes()
    blob.path.write_bytes(data[:5000] + b"?" + data[5001:])
    with pytest.raises(ColdforgeError, match=r"layer python .* is damaged here"):
        encode_all(space, [EncodingJob(blob)])


def test_a_damaged_relative_is_noticed_before_it_is_used(tmp_path: Path) -> None:
    space, job = with_base(tmp_path)
    assert job.base is not None
    data = job.base.path.read_bytes()
    job.base.path.write_bytes(data[:5000] + b"?" + data[5001:])
    with pytest.raises(ColdforgeError, match="is damaged here"):
        encode_all(space, [job])
