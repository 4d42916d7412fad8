"""What was made here for an image that was built here: its wheels, and where each comes from."""

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
from coldforge.image.layers.context import Site
from coldforge.image.layers.project import build_project, revision
from coldforge.image.oci.layout import Layout
from coldforge.stack.lock import lock_digest

REVISION = "org.opencontainers.image.revision"
LOCK = "coldforge.lock"


@dataclass(frozen=True)
class Wheel:
    """A wheel that a layer takes and that no lock names."""

    path: Path
    name: str
    """Recipe it was built by, `project`, or the hand-carried archive that holds it."""
    layers: tuple[str, ...]
    sources: tuple[str, ...]
    """sha256 of the locked inputs that it was built from and with, or taken out of."""


@contextmanager
def made(place: Site, manifest: str) -> Iterator[list[Wheel]]:
    """Yield the wheels made for the image `manifest` (digest); they are files meanwhile.

    Raise ColdforgeError unless the checkout and the cache are those the image was built from.
    """
    check_built(place, manifest)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        wheels = [*_built(place, manifest)]
        takers = [name for name, recipe in place.stack.layers.items() if recipe.inputs.project]
        if takers:
            path = build_project(place.space, folder)
            wheels.append(Wheel(path, "project", tuple(takers), ()))
        for layer in place.stack.layers:
            wheels += _taken_out(place, layer, held)
        yield wheels


def check_built(place: Site, manifest: str) -> None:
    """Raise ColdforgeError unless this checkout, as it is, built the image `manifest`."""
    hint = f"run: ./invokew image.build --stack {place.stack.name}"
    labels = labels_of(place.layout, manifest)
    if labels.get(REVISION) != revision(place.space):
        raise ColdforgeError(f"{place.stack.name} was built from another revision", hint)
    if labels.get(LOCK) != f"sha256:{lock_digest(place.space.lock(place.stack.name))}":
        raise ColdforgeError(f"{place.stack.name} was built from another state of its lock", hint)
    steps = plan(place, Cache(place.root / "cache"))
    layers = {item.name: item.cached for item in steps}
    built = [layer["digest"] for layer in place.layout.read(manifest)["layers"]]
    if [layers.get(name) for name in place.stack.layers] != built:
        raise ColdforgeError(f"{place.stack.name}, as it is now, was not built here", hint)


def built_here(place: Site, manifest: str) -> bool:
    """Tell whether this checkout, as it is, built the image `manifest`."""
    try:
        check_built(place, manifest)
    except ColdforgeError:
        return False
    return True


def labels_of(layout: Layout, manifest: str) -> dict[str, str]:
    """Read the labels of an image."""
    config = layout.read(layout.read(manifest)["config"]["digest"])
    labels: dict[str, str] = config.get("config", {}).get("Labels") or {}
    return labels


def _built(place: Site, manifest: str) -> Iterator[Wheel]:
    """List the wheels built from source, by the cache's records."""
    cache = Cache(place.root / "cache")
    layers = [layer["digest"] for layer in place.layout.read(manifest)["layers"]]
    for number, (layer, recipe) in enumerate(place.stack.layers.items()):
        for name in recipe.inputs.wheels:
            below = _compilers(place) if place.builder else layers[:number]
            description = wheel_description(place, name, layer, below)
            record = cache.get(description)
            if record is None:
                hint = f"run: ./invokew image.build --stack {place.stack.name}"
                raise ColdforgeError(f"wheel {name} was not built here", hint)
            path = wheel_folder(place, description) / record["file"]
            entries = place.lock.of(f"wheel/{name}")
            yield Wheel(path, name, (layer,), tuple(sorted({e.sha256 for e in entries})))


def _compilers(place: Site) -> list[str]:
    """List the layers of the builder's image."""
    built = find(place.layout, place.stack.file.builder)
    return [layer["digest"] for layer in place.layout.read(built.manifest.digest)["layers"]]


def _taken_out(place: Site, layer: str, held: ExitStack) -> Iterator[Wheel]:
    """Take out the wheels that `layer` installs from inside its hand-carried archives."""
    entries = [entry for entry in place.lock.of(layer) if entry.origin == "file"]
    recipe = carried.settled(place.stack.layers[layer], carried.versions(place.lock, [layer]))
    for entry in entries:
        if entry.name in recipe.packages:
            brought = [(entry.name, entry.path, place.blob(entry))]
            inside = carried.wheels_inside(recipe.packages, brought, place.stack.file.python)
            for _, path in held.enter_context(inside):
                yield Wheel(path, entry.name, (layer,), (entry.sha256,))
