"""Build a stack's image into the layout, load it into Docker, verify it by a second build."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.image.build.builder import Builder, BuiltImage, Connect
from coldforge.image.containers.docker_engine import image_name, is_image, load, remove_image
from coldforge.image.containers.step import docker_errors
from coldforge.image.filesystem.tree import Node, Tree, read_tree
from coldforge.image.layers.context import BuildContext
from coldforge.image.layers.release_build import CompileOptions
from coldforge.image.oci.layout import Layout
from coldforge.mirror.origins.origin import check_origins
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.progress import say
from coldforge.stack.lock import check_lock, read_lock
from coldforge.stack.stack import Stack, read_stack

SHOWN = 20  # differing paths named of one layer


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


def build(
    context: BuildContext, connect: Connect, options: CompileOptions | None = None
) -> BuiltImage:
    """Build the image into the layout; `connect` is called only if something must run."""
    return Builder(context, connect, options).build()


def deliver(
    context: BuildContext,
    built: BuiltImage,
    connect: Connect,
    shown: Mapping[str, Any] | None = None,
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


@dataclass(frozen=True)
class RebuildVerdict:
    """One layer, or the image itself: both digests, and what differs."""

    name: str
    was: str
    rebuilt: str
    differs: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Tell whether the rebuild gave the same bytes."""
        return self.was == self.rebuilt


def verify(space: Workspace, name: str, connect: Connect) -> list[RebuildVerdict]:
    """Build stack `name`, build it again with an empty cache in build/verify, and compare.

    The second build is removed when all is equal, kept otherwise.
    """
    first = build_context(space, name)
    reference = build(first, connect)
    scratch = space.build / "verify"
    shutil.rmtree(scratch, ignore_errors=True)
    again = build_context(space, name, scratch)
    rebuilt = build(again, connect, CompileOptions(cache=""))  # compiled, not remembered
    verdicts = _verdicts(first.layout, reference, again.layout, rebuilt)
    remove_step_images(first, connect)
    if all(verdict.same for verdict in verdicts):
        shutil.rmtree(scratch)
    return verdicts


def _verdicts(
    layout: Layout, first: BuiltImage, other: Layout, again: BuiltImage
) -> list[RebuildVerdict]:
    verdicts = []
    for name, layer in again.layers.items():
        old = first.layers[name].digest
        differs = []
        if layer.digest != old:
            differs = compare(layout.blob(old), other.blob(layer.digest))[:SHOWN]
        verdicts.append(RebuildVerdict(name, old, layer.digest, differs))
    return [*verdicts, RebuildVerdict("image", first.manifest.digest, again.manifest.digest)]


def compare(old: Path, new: Path) -> list[str]:
    """List the differences of two layer tars, a line a path, sorted."""
    before, after = read_tree(old), read_tree(new)
    lines = [f"/{path}: only in the first build" for path in before if path not in after]
    lines += [f"/{path}: only in the second build" for path in after if path not in before]
    for path in sorted(before.keys() & after.keys()):
        if not before[path].same(after[path]):
            lines.append(f"/{path}: {_aspects(before[path], after[path], old, new)}")
    return sorted(lines) or _order(before, after)


def _aspects(first: Node, second: Node, old: Path, new: Path) -> str:
    said = []
    for name in ("kind", "mode", "uid", "gid", "link", "size", "capability"):
        one, two = getattr(first.member, name), getattr(second.member, name)
        if one != two:
            shown = (f"{one:o}", f"{two:o}") if name == "mode" else (repr(one), repr(two))
            said.append(f"{name} {shown[0]} became {shown[1]}")
    if first.sha256 != second.sha256:
        said.append(f"content differs from byte {_first_difference(first, second, old, new)}")
    return ", ".join(said)


def _first_difference(first: Node, second: Node, old: Path, new: Path) -> int:
    with old.open("rb") as one, new.open("rb") as two:
        one.seek(first.offset)
        two.seek(second.offset)
        length = min(first.member.size, second.member.size)
        for start in range(0, length, 1 << 16):
            count = min(1 << 16, length - start)
            left, right = one.read(count), two.read(count)
            if left != right:
                return start + next(
                    i for i, pair in enumerate(zip(left, right, strict=True)) if pair[0] != pair[1]
                )
    return length


def _order(before: Tree, after: Tree) -> list[str]:
    if list(before) != list(after):
        return ["the same members in another order"]
    return ["the same members; their headers differ"]
