import hashlib
import io
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from coldforge.host.docker_client import docker_facts
from coldforge.image.containers import docker_engine as module
from coldforge.image.containers.docker_engine import diff_ids, image_name, load, remove_image
from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.oci.config import image_manifest
from coldforge.image.oci.layout import CONFIG, LAYER, MANIFEST, Descriptor, Layout

pytestmark = pytest.mark.engine
SIZE = 200_000  # bytes of content of each layer
Make = Callable[..., Descriptor]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "oci")


@pytest.fixture
def image(layout: Layout) -> Make:
    """Make an image of layers that hold one file each, named as given; return its manifest.

    The content is new in every run: the engine has seen none of it.
    """
    salt = uuid.uuid4().hex.encode()

    def make(*names: str) -> Descriptor:
        layers = []
        for name in names:
            data = (salt + name.encode()).ljust(SIZE, b".")
            with layout.scratch() as stream:
                writer = LayerWriter(stream, 1)
                writer.add(Member(name, "file", 0o644, size=SIZE), io.BytesIO(data))
                layers.append(layout.keep(stream, writer.close()[0], LAYER))
        config = layout.put(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {"Cmd": ["/none"]},
                "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
            },
            CONFIG,
        )
        return layout.put(image_manifest(config, layers), MANIFEST)

    return make


@pytest.fixture
def name(engine: Any) -> Iterator[str]:
    """An image name that no other test uses."""
    made = image_name(f"test-{uuid.uuid4().hex[:8]}")
    yield made
    remove_image(engine, made)


@pytest.fixture
def other(engine: Any) -> Iterator[str]:
    """A second such name."""
    made = image_name(f"test-{uuid.uuid4().hex[:8]}")
    yield made
    remove_image(engine, made)


@pytest.fixture
def sent(engine: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the bytes of each archive that is sent to Docker Engine."""
    counts: list[int] = []
    real = engine.api.load_image

    def counted(data: Iterator[bytes], quiet: bool) -> Any:
        counts.append(0)

        def passing() -> Iterator[bytes]:
            for chunk in data:
                counts[-1] += len(chunk)
                yield chunk

        return real(passing(), quiet=quiet)

    monkeypatch.setattr(engine.api, "load_image", counted)
    return counts


def test_docker_engine_loads_the_image_and_shows_our_digest(
    engine: Any, layout: Layout, image: Make, name: str
) -> None:
    manifest = image("a", "b")
    assert load(engine, layout, manifest, name)
    config = layout.read(manifest.digest)["config"]["digest"]
    expected = manifest.digest if docker_facts(engine).containerd_store else config
    assert engine.api.inspect_image(name)["Id"] == expected
    assert diff_ids(engine, name) == layout.read(config)["rootfs"]["diff_ids"]


def test_a_second_load_sends_nothing(
    engine: Any, layout: Layout, image: Make, name: str, sent: list[int]
) -> None:
    manifest = image("a", "b")
    assert load(engine, layout, manifest, name)
    assert not load(engine, layout, manifest, name)
    assert len(sent) == 1


def test_only_missing_layers_are_sent(
    engine: Any, layout: Layout, image: Make, name: str, other: str, sent: list[int]
) -> None:
    load(engine, layout, image("a", "b"), other)
    load(engine, layout, image("a", "b", "c"), name)
    assert 2 * SIZE < sent[0] < 3 * SIZE
    assert SIZE < sent[1] < 2 * SIZE
    assert len(diff_ids(engine, name)) == 3
    assert len(sent) == 2


def test_layers_that_docker_engine_lost_are_sent_again(
    engine: Any, layout: Layout, image: Make, name: str, other: str, sent: list[int]
) -> None:
    load(engine, layout, image("a", "b"), other)
    engine.api.remove_image(other, force=True)
    load(engine, layout, image("a", "b", "c"), name)
    assert sent[-1] > 3 * SIZE
    assert len(diff_ids(engine, name)) == 3


def test_a_load_that_relied_on_missing_layers_sends_everything(
    engine: Any,
    layout: Layout,
    image: Make,
    name: str,
    sent: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest = image("a", "b")
    monkeypatch.setattr(module, "_present", lambda *_: 1)
    assert load(engine, layout, manifest, name)
    assert [count > 2 * SIZE for count in sent] == [False, True]
    assert len(diff_ids(engine, name)) == 2
    assert not load(engine, layout, manifest, name)


def test_a_rebuilt_image_takes_the_name_and_leaves_no_dangling_image(
    engine: Any, layout: Layout, image: Make, name: str
) -> None:
    load(engine, layout, image("a"), name)
    old = engine.api.inspect_image(name)["Id"]
    load(engine, layout, image("a", "b"), name)
    assert engine.api.inspect_image(name)["Id"] != old
    with pytest.raises(docker.errors.ImageNotFound):
        engine.api.inspect_image(old)
    dangling = engine.api.images(filters={"dangling": True})
    assert old not in [item["Id"] for item in dangling]


def test_an_image_that_is_in_use_under_another_name_stays(
    engine: Any, layout: Layout, image: Make, name: str, other: str
) -> None:
    manifest = image("a")
    load(engine, layout, manifest, name)
    load(engine, layout, manifest, other)
    load(engine, layout, image("b"), name)
    assert len(diff_ids(engine, other)) == 1


def test_docker_engine_has_the_bytes_that_were_sent(
    engine: Any, layout: Layout, image: Make, name: str
) -> None:
    load(engine, layout, image("a"), name)
    container = engine.containers.create(name)
    try:
        data = b"".join(container.get_archive("/a")[0])
    finally:
        container.remove()
    (layer,) = (path for path in layout.root.rglob("*") if path.is_file() and holds(path))
    content = layer.read_bytes()[512 : 512 + SIZE]
    assert data[512 : 512 + SIZE] == content
    assert hashlib.sha256(layer.read_bytes()).hexdigest() == layer.name


def holds(path: Path) -> bool:
    return path.stat().st_size > SIZE
