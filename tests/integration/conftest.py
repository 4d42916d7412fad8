"""A small real image to build on: the base layer of stack cpu, built once and kept."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coldforge.files.digest import sha256_file
from coldforge.image.build.build import build, build_context, deliver
from coldforge.image.build.builder import BuiltImage
from coldforge.image.build.cache import Cache
from coldforge.image.build.plan import layer_description
from coldforge.image.containers.docker_engine import image_name, remove_image
from coldforge.image.layers.context import BuildContext
from coldforge.image.oci.layout import Layout
from coldforge.mirror.fetch import fetch
from coldforge.mirror.origins.origin import locators
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, read_lock, write_lock
from coldforge.stack.stack import read_stack

CHECKOUT = Workspace(Path(__file__).resolve().parents[2])
STACK = """\
summary = "A layer on Debian"
epoch = {epoch}
layers = {layers}
"""


@dataclass(frozen=True)
class BuildCheckout:
    """A checkout whose stack is the base layer with layer `extra` above it."""

    space: Workspace
    stack: str
    base: Path
    """Root in which the base layer was built."""
    engine: Any

    def recipe(self, text: str, **files: str) -> None:
        """Write layer `extra`: layer.toml and the files beside it (build_sh -> build.sh)."""
        folder = self.space.layers / "extra"
        folder.mkdir(exist_ok=True)
        (folder / "layer.toml").write_text(f'summary = "Extra"\n{text}\n', "utf-8")
        for name, content in files.items():
            (folder / name.replace("_", ".")).write_text(content, "utf-8")

    def script(self, text: str, recipe: str = "") -> None:
        """Build layer `extra` by a shell script."""
        self.recipe(f'script = "build.sh"\n{recipe}', build_sh=f"#!/bin/sh\nset -eu\n{text}\n")

    def context(self, scratch: Path | None = None) -> BuildContext:
        """Open the stack in a root that has the base layer already."""
        context = build_context(Workspace(self.space.root), self.stack, scratch)
        if not context.root.exists():
            shutil.copytree(self.base / "cache", context.root / "cache")
            shutil.rmtree(context.root / "cache" / "last", ignore_errors=True)
            blobs = context.root / "oci" / "blobs" / "sha256"
            blobs.mkdir(parents=True)
            for blob in (self.base / "oci" / "blobs" / "sha256").iterdir():
                (blobs / blob.name).symlink_to(blob)
        return context

    def build(self, scratch: Path | None = None) -> BuiltImage:
        """Build the stack."""
        return build(self.context(scratch), lambda: self.engine)

    def extra(self, scratch: Path | None = None) -> Path:
        """Build the stack and return the tar of layer `extra`."""
        built = self.build(scratch)
        return self.context(scratch).layout.blob(built.layers["extra"].digest)

    def made(self) -> set[str]:
        """Name the records, layers and scratch files that builds have left."""
        root = self.context().root
        records = {path for path in (root / "cache").rglob("*") if path.is_file()}
        blobs = {path for path in (root / "oci").rglob("*") if path.is_file()}
        documents = {path for path in blobs if is_json(path)}
        return {str(path.relative_to(root)) for path in records | blobs - documents}


def is_json(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(1) == b"{"


@pytest.fixture(scope="session")
def base(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BuildContext]:
    """Build only the base layer of stack cpu, in a folder where later runs find it.

    During the session Docker Engine has the layer, so that tests do not send it again.
    """
    space = Workspace(tmp_path_factory.mktemp("base") / "checkout")
    name = f"test-{uuid.uuid4().hex[:8]}"
    write_checkout(space, name, ["base"])
    context = build_context(space, name, CHECKOUT.build / "test-cache")
    seed(context)
    built = build(context, lambda: engine)
    deliver(context, built, lambda: engine)
    remove_step_images(context.layout, built.layers["base"].digest)
    yield context
    remove_image(engine, image_name(name))


def seed(context: BuildContext) -> None:
    """Copy the base layer from the checkout's own build, if its digest is right."""
    description = layer_description(context, "base", {}, [])
    cache = Cache(context.root / "cache")
    record = Cache(CHECKOUT.build / "cache").get(description)
    if record is None or cache.get(description):
        return
    blob = Layout(CHECKOUT.build / "oci").blob(record["digest"])
    if blob.exists() and f"sha256:{sha256_file(blob)}" == record["digest"]:
        target = context.layout.blob(record["digest"])
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".part-{context.stack.name}")
        shutil.copyfile(blob, part)
        part.replace(target)
        cache.put("base", description, record)


def remove_step_images(layout: Layout, digest: str) -> None:
    """Delete earlier versions of the base layer, and this run's tag."""
    for blob in (layout.root / "blobs" / "sha256").glob("[0-9a-f]*"):
        if blob.stat().st_size > 1 << 20 and blob != layout.blob(digest):
            blob.unlink(missing_ok=True)
    layout.write_index([])


def write_checkout(space: Workspace, name: str, layers: list[str]) -> None:
    """Write a checkout with the base layer's recipe, its part of the lock and its blobs."""
    lock = read_lock(CHECKOUT.lock("cpu"))
    store = Store(CHECKOUT.mirror / "blobs")
    missing = [entry.name for entry in lock.of("base") if not store.has(entry.sha256, entry.size)]
    if missing and os.environ.get("CI"):
        fetch(store, lock.of("base"), locators(read_stack(CHECKOUT, "cpu"), space))
    elif missing:
        pytest.skip(f"the mirror lacks {missing[0]}; run: ./invokew mirror.fetch --stack cpu")
    space.stacks.mkdir(parents=True)
    space.wheels.mkdir()
    space.mirror.mkdir()
    shutil.copytree(CHECKOUT.layers / "base", space.layers / "base")
    (space.mirror / "blobs").symlink_to(CHECKOUT.mirror / "blobs")
    epoch = read_stack(CHECKOUT, "cpu").file.epoch
    text = STACK.format(epoch=epoch, layers=layers).replace("'", '"')
    (space.stacks / f"{name}.toml").write_text(text, "utf-8")
    requests = {layer: list[str]() for layer in layers} | {"base": lock.requests["base"]}
    write_lock(space.lock(name), Lock(lock.version, name, requests, [], lock.of("base")))


@pytest.fixture
def checkout(base: BuildContext, engine: Any, tmp_path: Path) -> Iterator[BuildCheckout]:
    """A checkout whose stack is Debian with one more layer, which the test writes."""
    space = Workspace(tmp_path / "checkout")
    name = f"test-{uuid.uuid4().hex[:8]}"
    write_checkout(space, name, ["base", "extra"])
    yield BuildCheckout(space, name, base.root, engine)
    for tag in ("latest", "below", "bootstrap"):
        remove_image(engine, image_name(name, tag))


@pytest.fixture(scope="session")
def debian(base: BuildContext) -> str:
    """Name an image of the base layer in Docker Engine."""
    return image_name(base.stack.name)


@pytest.fixture
def left(engine: Any) -> Callable[[str], list[Any]]:
    """List the containers and volumes that steps of a name left in Docker Engine."""

    def find(step: str) -> list[Any]:
        wanted = {"label": f"coldforge.step={step}"}
        containers = engine.containers.list(all=True, filters=wanted)
        return [*containers, *engine.volumes.list(filters=wanted)]

    return find
