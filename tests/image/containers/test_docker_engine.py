import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.containers import docker_engine
from coldforge.image.containers.docker_engine import (
    archive_of,
    diff_ids,
    image_name,
    load,
    remove_image,
)
from coldforge.image.oci.config import image_manifest
from coldforge.image.oci.layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout

NAME = "localhost/coldforge/demo:latest"
Make = Callable[..., Descriptor]


class Api:
    """An engine's image store, as `load` sees it through the SDK."""

    def __init__(self) -> None:
        self.held: dict[str, list[str]] = {}
        """Image id -> diffIDs."""
        self.names: dict[str, str] = {}
        self.sent: list[list[str]] = []
        """Names of the blobs of each archive that came."""
        self.removed: list[str] = []
        self.deaf = False

    def images(self) -> list[dict[str, Any]]:
        tags: dict[str, list[str]] = {image: [] for image in self.held}
        for name, image in self.names.items():
            tags[image].append(name)
        return [{"Id": image, "RepoTags": names or None} for image, names in tags.items()]

    def inspect_image(self, name: str) -> dict[str, Any]:
        image = self.names.get(name, name)
        if image not in self.held:
            raise docker.errors.ImageNotFound(f"No such image: {name}")
        tags = [tag for tag, where in self.names.items() if where == image]
        return {"Id": image, "RootFS": {"Layers": self.held[image]}, "RepoTags": tags}

    def load_image(self, data: Iterator[bytes], quiet: bool) -> list[dict[str, str]]:
        files = read(data)
        self.sent.append(sorted(name for name in files if name.startswith("blobs/")))
        if self.deaf:
            return []
        (entry,) = json.loads(files["manifest.json"])
        config = json.loads(files[entry["Config"]])
        wanted = config["rootfs"]["diff_ids"]
        known = {digest for layers in self.held.values() for digest in layers}
        for digest, path in zip(wanted, entry["Layers"], strict=True):
            if path not in files and digest not in known:
                return [{"error": f"open {path}: no such file or directory"}]
        image = "sha256:" + hashlib.sha256(files[entry["Config"]]).hexdigest()
        self.held[image] = wanted
        self.names |= dict.fromkeys(entry["RepoTags"], image)
        return []

    def remove_image(self, name: str, force: bool = False) -> None:
        self.inspect_image(name)
        self.removed.append(name)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def client(api: Api) -> Any:
    return SimpleNamespace(api=api)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "oci")


@pytest.fixture
def image(layout: Layout) -> Make:
    """Make an image whose layers are the given bytes; return its manifest."""

    def make(*contents: bytes) -> Descriptor:
        layers = []
        for content in contents:
            with layout.scratch() as stream:
                stream.write(content)
                sha256 = hashlib.sha256(content).hexdigest()
                layers.append(layout.keep(stream, sha256, LAYER))
        config = {"rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]}}
        return layout.put(image_manifest(layout.put(config, CONFIG), layers), MANIFEST)

    return make


def read(chunks: Iterator[bytes]) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]


def path_of(content: bytes) -> str:
    return f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def test_a_name_leads_to_no_registry() -> None:
    assert image_name("cpu") == "localhost/coldforge/cpu:latest"
    assert image_name("cpu", "below") == "localhost/coldforge/cpu:below"


def test_the_first_load_sends_everything_under_its_digest(
    client: Any, api: Api, layout: Layout, image: Make
) -> None:
    manifest = image(b"one", b"two")
    assert load(client, layout, manifest, NAME)
    assert {path_of(b"one"), path_of(b"two")} < set(api.sent[0])
    assert api.inspect_image(NAME)["Id"] == layout.read(manifest.digest)["config"]["digest"]


def test_the_archive_serves_both_kinds_of_store(layout: Layout, image: Make) -> None:
    manifest = image(b"one")
    document = layout.read(manifest.digest)
    files = read(docker_engine._archive(layout, manifest, NAME, document["layers"]))
    for name, data in files.items():
        if name.startswith("blobs/"):
            assert name == path_of(data)
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert entry["digest"] == manifest.digest
    assert entry["annotations"]["io.containerd.image.name"] == NAME
    (classic,) = json.loads(files["manifest.json"])
    assert classic["RepoTags"] == [NAME]
    assert classic["Layers"] == [path_of(b"one")]
    assert classic["Config"] in files


def test_a_second_load_sends_nothing(client: Any, api: Api, layout: Layout, image: Make) -> None:
    manifest = image(b"one", b"two")
    assert load(client, layout, manifest, NAME)
    assert not load(client, layout, manifest, NAME)
    assert len(api.sent) == 1


def test_layers_that_an_image_of_ours_has_are_left_out(
    client: Any, api: Api, layout: Layout, image: Make
) -> None:
    load(client, layout, image(b"one", b"two"), image_name("other"))
    load(client, layout, image(b"one", b"two", b"three"), NAME)
    load(client, layout, image(b"one", b"four"), NAME)
    assert path_of(b"three") in api.sent[1]
    assert not {path_of(b"one"), path_of(b"two")} & set(api.sent[1])
    assert path_of(b"four") in api.sent[2]
    assert path_of(b"one") not in api.sent[2]


def test_layers_above_one_that_differs_are_sent(
    client: Any, api: Api, layout: Layout, image: Make
) -> None:
    load(client, layout, image(b"one", b"two"), image_name("other"))
    load(client, layout, image(b"new", b"two"), NAME)
    assert {path_of(b"new"), path_of(b"two")} < set(api.sent[1])


def test_an_engine_that_refuses_a_part_gets_the_whole(
    client: Any, api: Api, layout: Layout, image: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_engine, "_present", lambda *_: 1)
    assert load(client, layout, image(b"one", b"two"), NAME)
    assert path_of(b"one") not in api.sent[0]
    assert {path_of(b"one"), path_of(b"two")} < set(api.sent[1])


def test_a_refusal_by_status_is_a_refusal_too(
    client: Any, api: Api, layout: Layout, image: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise docker.errors.APIError("500", explanation="content digest not found")

    monkeypatch.setattr(api, "load_image", refuse)
    with pytest.raises(ColdforgeError, match=r"refused .*: content digest not found"):
        load(client, layout, image(b"one"), NAME)


def test_an_engine_that_refuses_the_whole_is_quoted(
    client: Any, api: Api, layout: Layout, image: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "load_image", lambda *_, **__: [{"error": "no space left"}])
    with pytest.raises(ColdforgeError, match=f"Docker refused {NAME}: no space left"):
        load(client, layout, image(b"one"), NAME)


def test_an_engine_that_does_not_show_what_it_took_is_named(
    client: Any, api: Api, layout: Layout, image: Make
) -> None:
    api.deaf = True
    with pytest.raises(ColdforgeError, match=f"Docker does not list {NAME}"):
        load(client, layout, image(b"one"), NAME)
    assert len(api.sent) == 1


def test_the_image_that_a_name_moved_from_is_removed(
    client: Any, api: Api, layout: Layout, image: Make
) -> None:
    load(client, layout, image(b"one"), NAME)
    old = api.inspect_image(NAME)["Id"]
    load(client, layout, image(b"two"), NAME)
    assert api.removed == [old]


def test_an_image_with_another_name_stays(
    client: Any, api: Api, layout: Layout, image: Make
) -> None:
    load(client, layout, image(b"one"), NAME)
    load(client, layout, image(b"one"), image_name("other"))
    load(client, layout, image(b"two"), NAME)
    assert api.removed == []


def test_a_name_that_is_not_there_has_no_layers_and_can_be_dropped(client: Any) -> None:
    assert diff_ids(client, NAME) == []
    remove_image(client, NAME)


def test_files_are_streamed_for_an_engine_to_unpack(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * 3_000_000)
    (tmp_path / "a").chmod(0o700)
    (tmp_path / "b").touch(0o600)
    files = {"debs/b.deb": tmp_path / "b", "build.sh": tmp_path / "a"}
    with tarfile.open(fileobj=io.BytesIO(b"".join(archive_of(files)))) as archive:
        shown = {info.name: (info.mode, info.size) for info in archive if info.isfile()}
    assert shown == {"build.sh": (0o755, 3_000_000), "debs/b.deb": (0o644, 0)}
