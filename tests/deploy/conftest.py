"""Small images, an engine's image store in memory, and a registry to push to."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest

from coldforge.deploy import push, upload
from coldforge.deploy.image import StoredImage, find_image
from coldforge.deploy.target import PushTarget, parse_target
from coldforge.image.oci.config import image_manifest
from coldforge.image.oci.layout import CONFIG, LAYER, MANIFEST, Layout
from coldforge.mirror.http import registry, retry
from tests.deploy.registry_server import Shelf

Make = Callable[..., StoredImage]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "oci")


@pytest.fixture
def image(layout: Layout) -> Make:
    """Make stack `demo`'s image of layers that are the given bytes."""

    def make(*contents: bytes, stack: str = "demo") -> StoredImage:
        layers = [layout.put_bytes(content, LAYER) for content in contents]
        config = {"rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]}}
        layout.tag(stack, layout.put(image_manifest(layout.put(config, CONFIG), layers), MANIFEST))
        return find_image(layout, stack)

    return make


class Api:
    """An engine's image store, as the SDK shows it."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.layers: dict[str, list[str]] = {}
        self.used: set[str] = set()
        """Ids that containers were made from."""
        self.log: list[tuple[str, ...]] = []
        self.dies_at = ""
        """The request that is never answered."""

    def images(self) -> list[dict[str, Any]]:
        return [{"Id": image, "RepoTags": self._names(image) or None} for image in self.layers]

    def inspect_image(self, name: str) -> dict[str, Any]:
        image = self.names.get(name, name)
        if image not in self.layers:
            raise docker.errors.ImageNotFound(f"No such image: {name}")
        shown = {"Id": image, "RootFS": {"Layers": self.layers[image]}}
        return shown | {"RepoTags": self._names(image)}

    def tag(self, image: str, repository: str, tag: str) -> None:
        self._note("tag", image, f"{repository}:{tag}")
        self.names[f"{repository}:{tag}"] = self.inspect_image(image)["Id"]

    def containers(self, all: bool) -> list[dict[str, Any]]:  # noqa: A002 - the SDK's name
        assert all
        return [{"ImageID": image} for image in self.used]

    def remove_image(self, name: str) -> None:
        self._note("remove", name)
        image = self.names[name]
        if image in self.used and len(self._names(image)) == 1:
            raise docker.errors.APIError("conflict")
        del self.names[name]
        if not self._names(image):
            del self.layers[image]

    def hold(self, image: StoredImage, *names: str) -> str:
        """Make it hold an image under names; return the id."""
        self.layers[image.ids[0]] = image.layers
        self.names |= dict.fromkeys(names, image.ids[0])
        return image.ids[0]

    def _names(self, image: str) -> list[str]:
        return [name for name, held in self.names.items() if held == image]

    def _note(self, *what: str) -> None:
        self.log.append(what)
        if " ".join(what).endswith(self.dies_at) and self.dies_at:
            raise ConnectionResetError


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def client(api: Api) -> Any:
    return SimpleNamespace(api=api, close=lambda: None)


@pytest.fixture
def bring(api: Api) -> Callable[..., None]:
    """A way to bring an image that needs no bytes."""

    def hold(_: Any, image: StoredImage, name: str) -> None:
        api._note("bring", name)
        api.hold(image, name)

    return hold


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Shelf]:
    """A registry; pieces of 1000 bytes one after the other, no pauses, no settings of the user."""
    monkeypatch.setattr(push, "TOGETHER", 1)
    monkeypatch.setattr(upload, "PIECE", 1000)
    monkeypatch.setattr(retry, "BACKOFF", 0.0)
    monkeypatch.setattr(registry, "_speaks_tls", lambda _: False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "registries.conf"))
    monkeypatch.delenv("NETRC", raising=False)
    with Shelf() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@pytest.fixture
def target(shelf: Shelf) -> PushTarget:
    return parse_target(f"{shelf.host}/team/demo:1")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "push"
