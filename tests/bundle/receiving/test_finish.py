"""What happens to the tool of a place where it was carried to, and to a checkout."""

import io
import json
import tarfile
from pathlib import Path

import msgspec
import pytest

from coldforge.bootstrap import toolkit
from coldforge.bootstrap.index import InstalledTool as Carried
from coldforge.bundle.format.index import Tool
from coldforge.bundle.packing.items import BundleItem
from coldforge.bundle.receiving.finish import tool_folder
from coldforge.bundle.receiving.receive import receive
from coldforge.errors import RefusedError
from coldforge.files.digest import canonical_json
from coldforge.image.oci import referrers
from coldforge.image.oci.config import image_manifest
from coldforge.image.oci.layout import Descriptor, Layout
from coldforge.paths import Workspace
from coldforge.trust.trust import write_trust
from tests.bundle.bundles import SERIAL, bundle, make_item, site, trust, visible_blobs
from tests.synced import record_syncs


def project(folder: Path, version: str, *names: str) -> BundleItem:
    """A project that consists of `invokew`, and of members called `names`."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("invokew", *names):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(version), 0o755
            archive.addfile(info, io.BytesIO(version.encode()))
    return make_item(folder, f"project {version}", out.getvalue())


def tool(project: BundleItem, revision: str) -> Tool:
    return Tool("0", revision, "3.11", [], {}, project.sha256)


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    """A folder that a first bundle's tool was laid out in; its runtime is a pretence."""
    dest = tmp_path / "site"
    first = project(tmp_path / "in", "one")
    what = Carried("r1", "3.11", [], [], first.sha256)
    with toolkit.exclusive(dest):
        (dest / "tool" / toolkit.tool_id(what)).mkdir()
        version = toolkit.install(dest, what, lambda _: first.path)
        toolkit.activate(dest, version)
    write_trust(dest / "site" / "trust.json", trust("sender"))
    return dest


def space(dest: Path) -> Workspace:
    return Workspace((dest / "coldforge").resolve())


def running(dest: Path) -> str:
    return (dest / "coldforge" / "invokew").read_text("utf-8")


def test_a_carried_place_is_told_from_a_checkout(dest: Path, tmp_path: Path) -> None:
    assert tool_folder(space(dest)) == dest
    assert tool_folder(Workspace(dest / "coldforge")) == dest
    assert tool_folder(Workspace(tmp_path)) is None


def test_a_newer_bundle_brings_a_newer_tool(dest: Path, tmp_path: Path) -> None:
    second = project(tmp_path / "in", "two")
    bundle(tmp_path / "out", [second], tool=tool(second, "r2"))
    assert running(dest) == "one"
    done = receive(space(dest), tmp_path / "out")
    assert running(dest) == "two"
    assert "now revision r2" in done.project
    assert json.loads((dest / "site" / "received.json").read_bytes())["bundles"]


def test_an_older_bundle_of_another_stack_leaves_the_tool(dest: Path, tmp_path: Path) -> None:
    second, third = (project(tmp_path / "in", name) for name in ("two", "three"))
    bundle(tmp_path / "new", [second], tool=tool(second, "r2"), serial=SERIAL + 1)
    bundle(tmp_path / "old", [third], tool=tool(third, "r3"), stack="other")
    receive(space(dest), tmp_path / "new")
    assert "a newer bundle brought it" in receive(space(dest), tmp_path / "old").project
    assert running(dest) == "two"


def test_a_tool_of_which_a_part_is_missing_is_not_used(dest: Path, tmp_path: Path) -> None:
    second = project(tmp_path / "in", "two")
    lacking = msgspec.structs.replace(tool(second, "r2"), runtime=["c" * 64])
    bundle(tmp_path / "out", [second], tool=lacking)
    assert "1 of the new one's files are not here" in receive(space(dest), tmp_path / "out").project
    assert running(dest) == "one"


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "a/../../escaped", "build"])
def test_a_project_that_leads_out_of_its_folder_is_refused(
    dest: Path, tmp_path: Path, name: str
) -> None:
    second = project(tmp_path / "in", "two", name)
    bundle(tmp_path / "out", [second], tool=tool(second, "r2"))
    before = {path for path in tmp_path.rglob("*") if "blobs" not in path.parts}
    with pytest.raises(RefusedError, match=r"leads out|the bundled project contains 'build'"):
        receive(space(dest), tmp_path / "out")
    assert running(dest) == "one"
    assert visible_blobs(space(dest)) == {second.sha256}
    after = {path for path in tmp_path.rglob("*") if "blobs" not in path.parts}
    assert not any("escaped" in path.name for path in after - before)
    assert not (dest / "site" / "received.json").exists()


@pytest.mark.parametrize(("size", "listed"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_a_manifest_has_a_mebibyte_at_most(tmp_path: Path, size: int, listed: bool) -> None:
    parts = [Descriptor("a", f"sha256:{n * 64}", 1).json() for n in "123"]
    manifest = referrers.manifest("application/x", (parts[0], parts[1], parts[2]), {})
    item = make_item(tmp_path / "in", "note", canonical_json(manifest).ljust(size), store="layout")
    bundle(tmp_path / "out", [item])
    space = site(tmp_path / "closed")
    receive(space, tmp_path / "out")
    found = Layout(space.build / "oci").referrers(f"sha256:{'1' * 64}")
    assert [one["digest"] for one in found] == [f"sha256:{item.sha256}"] * listed


def test_the_blobs_of_an_image_are_on_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = make_item(tmp_path / "in", "layer", b"layer", store="layout")
    one = Descriptor("a", f"sha256:{layer.sha256}", layer.size)
    image = make_item(
        tmp_path / "in", "image", canonical_json(image_manifest(one, [])), store="layout"
    )
    tag = Descriptor("a", f"sha256:{image.sha256}", image.size)
    bundle(tmp_path / "out", [layer, image], tags={"demo": tag.json()})
    events = record_syncs(monkeypatch)
    assert receive(site(tmp_path / "closed"), tmp_path / "out").images == ["demo"]
    named = max(at for at, event in enumerate(events) if event == "rename index.json")
    for item in (layer, image):
        at = events.index(f"rename {item.sha256}")
        assert events.index(f"sync .part-{item.sha256}") < at
        assert "sync sha256" in events[at:named]
