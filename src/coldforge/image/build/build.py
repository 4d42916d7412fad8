"""Build a stack's image into the layout, and give Docker what it lacks of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.image.build.builder import Builder, Built, Connect
from coldforge.image.containers.docker_engine import image_name, is_image, load, remove_image
from coldforge.image.containers.step import docker_errors
from coldforge.image.layers.context import BuildContext
from coldforge.image.layers.release_build import CompileOptions
from coldforge.image.oci.layout import Layout
from coldforge.mirror.origins.origin import check_origins
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.progress import say
from coldforge.stack.lock import check_lock, read_lock
from coldforge.stack.stack import Stack, read_stack


def build_context(space: Workspace, name: str, scratch: Path | None = None) -> BuildContext:
    """Open a stack for building, in `scratch` instead of build/ if given; check lock and stack."""
    stack = read_stack(space, name)
    lock = read_lock(space.lock(name))
    check_lock(lock, stack)
    check_origins(lock)
    root = scratch or space.build
    builder = _builder(space, stack, scratch)
    if stack.profile and stack.profile.fixture:
        say(f"note: {name} is a fixture: {stack.profile.summary}")
    layout, store = Layout(root / "oci"), Store(space.mirror / "blobs")
    return BuildContext(space, stack, lock, store, layout, root, builder)


def _builder(space: Workspace, stack: Stack, scratch: Path | None) -> BuildContext | None:
    """Open the stack whose image compiles this one's wheels."""
    if not stack.file.builder:
        return None
    builder = build_context(space, stack.file.builder, scratch)
    if builder.builder:
        message = f"'{builder.stack.name}' builds for '{stack.name}' and has a builder itself"
        raise ColdforgeError(message, "a builder compiles in its own layers: drop one of the two")
    return builder


def build(context: BuildContext, connect: Connect, options: CompileOptions | None = None) -> Built:
    """Build the image into the layout; `connect` is called only if something must run."""
    return Builder(context, connect, options).build()


def deliver(
    context: BuildContext, built: Built, connect: Connect, shown: Mapping[str, Any] | None = None
) -> str:
    """Load into Docker the finished image; return its name there.

    `shown`: what Docker was found to hold under that name; if it is this image, that is all.
    """
    name = image_name(built.stack)
    layers = [layer.digest for layer in built.layers.values()]
    if shown and is_image(shown, (built.config.digest, built.manifest.digest), layers):
        return name
    with docker_errors("loading the image"):
        if load(connect(), context.layout, built.manifest, name):
            remove_step_images(context, connect)
    return name


def remove_step_images(context: BuildContext, connect: Connect) -> None:
    """Drop the names that a build's own steps ran under; a failed build keeps them to go on."""
    for at in filter(None, (context, context.builder)):
        for tag in ("bootstrap", "below"):
            remove_image(connect(), image_name(at.stack.name, tag))
