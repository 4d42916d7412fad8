from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.build.build import build, build_context
from coldforge.image.oci.layout import MANIFEST, Descriptor, Layout
from coldforge.image.oci.prune import prune
from coldforge.paths import Workspace


def unwanted() -> None:
    raise AssertionError("no engine is needed")


def blobs(space: Workspace) -> set[str]:
    return {path.name for path in (space.build / "oci" / "blobs" / "sha256").iterdir()}


def built(space: Workspace) -> None:
    build(build_context(space, "tiny"), unwanted)  # type: ignore[arg-type]


def test_what_a_built_image_is_made_of_stays(tiny: Workspace) -> None:
    built(tiny)
    before = blobs(tiny)
    prune(tiny.build)
    assert blobs(tiny) <= before
    assert Layout(tiny.build / "oci").reachable() <= {f"sha256:{name}" for name in blobs(tiny)}


def test_earlier_layers_and_a_killed_build_s_leavings_go(tiny: Workspace) -> None:
    built(tiny)
    prune(tiny.build)
    kept = blobs(tiny)
    folder = tiny.build / "oci" / "blobs" / "sha256"
    (folder / ("a" * 64)).write_bytes(b"1234")
    (folder / ".part-x").write_bytes(b"56")
    (tiny.build / "verify" / "oci").mkdir(parents=True)
    (tiny.build / "verify" / "oci" / "layer").write_bytes(b"7")
    (tiny.build / "bundle" / "encoded").mkdir(parents=True)
    (tiny.build / "bundle" / "encoded" / "layer").write_bytes(b"89")
    assert prune(tiny.build) == (4, 9)
    assert blobs(tiny) == kept
    assert not (tiny.build / "verify").exists()


def test_nothing_built_is_nothing_to_remove(tmp_path: Path) -> None:
    assert prune(tmp_path / "build") == (0, 0)


def test_while_a_build_is_under_way_nothing_is_removed(tiny: Workspace) -> None:
    built(tiny)
    with (
        Layout(tiny.build / "oci").held(),
        pytest.raises(ColdforgeError, match="a build is under way"),
    ):
        prune(tiny.build)


def test_what_refers_to_an_image_lives_as_long_as_its_name(tiny: Workspace) -> None:
    built(tiny)
    layout = Layout(tiny.build / "oci")
    tag = layout.tags()["tiny"]
    image = Descriptor(tag["mediaType"], tag["digest"], tag["size"])
    made = layout.refer(image, "application/x-note", "text/plain", b"of the first")
    prune(tiny.build)
    assert [entry["digest"] for entry in layout.referrers(image.digest)] == [made.digest]
    other = layout.put(layout.read(image.digest) | {"annotations": {"a": "b"}}, MANIFEST)
    layout.tag("tiny", other)
    prune(tiny.build)
    assert layout.referrers(image.digest) == []
    assert made.digest.removeprefix("sha256:") not in blobs(tiny)
    assert list(layout.tags()) == ["tiny"]
