"""The wheels made for an image that was built here, and their sources."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.evidence.subject import find
from coldforge.image.build.cache import Cache
from coldforge.image.build.plan import plan, wheel_description, wheel_folder
from coldforge.image.layers import carried
from coldforge.image.layers.context import BuildContext
from coldforge.image.layers.project import build_project, revision
from coldforge.image.oci.layout import Layout
from coldforge.stack.lock import lock_digest

REVISION = "org.opencontainers.image.revision"
LOCK = "coldforge.lock"


@dataclass(frozen=True)
class BuiltWheel:
    """A wheel that a layer takes and that no lock names."""

    path: Path
    name: str
    """Recipe it was built by, `project`, or the hand-carried archive that holds it."""
    layers: tuple[str, ...]
    sources: tuple[str, ...]
    """sha256 of the locked inputs that it was built from and with, or taken out of."""


@contextmanager
def made(context: BuildContext, manifest: str) -> Iterator[list[BuiltWheel]]:
    """Yield the wheels made for the image `manifest` (digest); they are files meanwhile.

    Raise ColdforgeError unless the checkout and the cache are those the image was built from.
    """
    check_built(context, manifest)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        wheels = [*_built(context, manifest)]
        takers = [name for name, recipe in context.stack.layers.items() if recipe.inputs.project]
        if takers:
            path = build_project(context.space, folder)
            wheels.append(BuiltWheel(path, "project", tuple(takers), ()))
        for layer in context.stack.layers:
            wheels += _extracted(context, layer, held)
        yield wheels


def check_built(context: BuildContext, manifest: str) -> None:
    """Raise ColdforgeError unless this checkout, as it is, built the image `manifest`."""
    hint = f"run: ./invokew image.build --stack {context.stack.name}"
    labels = labels_of(context.layout, manifest)
    if labels.get(REVISION) != revision(context.space):
        raise ColdforgeError(f"{context.stack.name} was built from another revision", hint)
    if labels.get(LOCK) != f"sha256:{lock_digest(context.space.lock(context.stack.name))}":
        raise ColdforgeError(f"{context.stack.name} was built from another state of its lock", hint)
    steps = plan(context, Cache(context.root / "cache"))
    layers = {item.name: item.cached for item in steps}
    built = [layer["digest"] for layer in context.layout.read(manifest)["layers"]]
    if [layers.get(name) for name in context.stack.layers] != built:
        raise ColdforgeError(f"{context.stack.name}, as it is now, was not built here", hint)


def built_here(context: BuildContext, manifest: str) -> bool:
    """Tell whether this checkout, as it is, built the image `manifest`."""
    try:
        check_built(context, manifest)
    except ColdforgeError:
        return False
    return True


def labels_of(layout: Layout, manifest: str) -> dict[str, str]:
    """Read the labels of an image."""
    config = layout.read(layout.read(manifest)["config"]["digest"])
    labels: dict[str, str] = config.get("config", {}).get("Labels") or {}
    return labels


def _built(context: BuildContext, manifest: str) -> Iterator[BuiltWheel]:
    """List the wheels built from source, by the cache's records."""
    cache = Cache(context.root / "cache")
    layers = [layer["digest"] for layer in context.layout.read(manifest)["layers"]]
    for number, (layer, recipe) in enumerate(context.stack.layers.items()):
        for name in recipe.inputs.wheels:
            below = _compilers(context) if context.builder else layers[:number]
            description = wheel_description(context, name, layer, below)
            record = cache.get(description)
            if record is None:
                hint = f"run: ./invokew image.build --stack {context.stack.name}"
                raise ColdforgeError(f"wheel {name} was not built here", hint)
            path = wheel_folder(context, description) / record["file"]
            entries = context.lock.of(f"wheel/{name}")
            yield BuiltWheel(path, name, (layer,), tuple(sorted({e.sha256 for e in entries})))


def _compilers(context: BuildContext) -> list[str]:
    """List the layers of the builder's image."""
    built = find(context.layout, context.stack.file.builder)
    return [layer["digest"] for layer in context.layout.read(built.manifest.digest)["layers"]]


def _extracted(context: BuildContext, layer: str, held: ExitStack) -> Iterator[BuiltWheel]:
    """Take out the wheels that `layer` installs from inside its hand-carried archives."""
    entries = [entry for entry in context.lock.of(layer) if entry.origin == "file"]
    recipe = carried.with_versions(
        context.stack.layers[layer], carried.versions(context.lock, [layer])
    )
    for entry in entries:
        if entry.name in recipe.packages:
            brought = [(entry.name, entry.path, context.blob(entry))]
            inside = carried.wheels_inside(recipe.packages, brought, context.stack.file.python)
            for _, path in held.enter_context(inside):
                yield BuiltWheel(path, entry.name, (layer,), (entry.sha256,))
