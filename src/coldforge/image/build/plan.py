"""What a build would do, step by step: take from the cache, or make, and why."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from coldforge.image.build import cache_key
from coldforge.image.build.cache import Cache, Record
from coldforge.image.build.cache_key import Description
from coldforge.image.layers.context import Site
from coldforge.image.oci.config import environment
from coldforge.image.oci.layout import LAYER, Descriptor
from coldforge.mirror.missing import files_to_bring
from coldforge.stack.stack import Stack


@dataclass(frozen=True)
class Planned:
    """One step of a build: a layer, or `wheel/<name>`."""

    name: str
    cached: str = ""
    """Digest of the result if it is there already."""
    why: list[str] = field(default_factory=list)
    """What changed, if it must be made."""


def plan(site: Site, cache: Cache) -> list[Planned]:
    """List every step in build order, those of the builder stack first.

    Once a layer below must be made anew, a step run in a container follows it: whether its
    own result changes is known only then, so it is said to wait for it.
    """
    planner = _Planner(site, cache)
    for name in site.stack.layers:
        planner.layer(name)
    return planner.steps


class _Planner:
    """What is planned so far, and what the next step stands on."""

    def __init__(self, site: Site, cache: Cache) -> None:
        self.site, self.cache = site, cache
        self.below: list[str] = []
        self.waiting = ""
        self.steps = plan(site.builder, cache) if site.builder else []
        layers = [item for item in self.steps if not item.name.startswith("wheel/")]
        self.compilers = [item.cached for item in layers] if site.builder else self.below
        self.lagging = next((item.name for item in layers if not item.cached), "")
        if site.builder:
            prefix = site.builder.stack.name
            self.steps = [replace(item, name=f"{prefix}/{item.name}") for item in self.steps]

    def layer(self, name: str) -> None:
        """Plan a layer and the wheels it takes."""
        recipe = self.site.stack.layers[name]
        wheels = {wheel: self._wheel(wheel, name) for wheel in recipe.inputs.wheels}
        made = ", ".join(wheel for wheel, digest in wheels.items() if not digest)
        description = layer_description(self.site, name, wheels, self.below)
        item = self._step(name, description, self.waiting if recipe.script else made)
        if item.cached and not self.site.layout.blob(item.cached).exists():
            item = Planned(name, why=["its blob was removed"])
        self.steps.append(item)
        self.below.append(item.cached)
        self.waiting = self.waiting or ("" if item.cached else name)

    def _wheel(self, wheel: str, layer: str) -> str:
        description = wheel_description(self.site, wheel, layer, self.compilers)
        follows = self.lagging if self.site.builder else self.waiting
        item = self._step(f"wheel/{wheel}", description, follows)
        if item.cached and not any(wheel_folder(self.site, description).glob("*.whl")):
            item = Planned(item.name, why=["its file was removed"])
        self.steps.append(item)
        return item.cached

    def _step(self, name: str, description: Description, waiting: str) -> Planned:
        site = self.site
        if files := files_to_bring(site.stack, site.lock, site.store, name):
            return Planned(name, why=[f"lacks {file.files[0]}" for file in files])
        return _planned(self.cache, name, description, waiting)


def layer_description(
    site: Site, name: str, wheels: dict[str, str], below: list[str]
) -> Description:
    """Describe a layer on the diffIDs `below`; only a built one depends on them."""
    parts = cache_key.layer(site.space, site.stack, site.lock, name, wheels)
    if not site.stack.layers[name].script:
        return parts
    names = list(site.stack.layers)
    return cache_key.within(parts, below, environment(site.stack, names[: names.index(name) + 1]))


def wheel_description(site: Site, wheel: str, layer: str, below: list[str]) -> Description:
    """Describe a wheel that `layer` takes, built in the layers `below` (diffIDs)."""
    parts = cache_key.wheel(site.space, site.stack, site.lock, wheel)
    return cache_key.within(parts, below, environment(*compiling(site, layer)))


def compiling(site: Site, layer: str) -> tuple[Stack, list[str]]:
    """Name the stack and the layers of it in which the wheels of `layer` are compiled."""
    if site.builder:
        return site.builder.stack, list(site.builder.stack.layers)
    names = list(site.stack.layers)
    return site.stack, names[: names.index(layer)]


def wheel_folder(site: Site, description: Description) -> Path:
    """Name the folder where the wheel so described is kept."""
    return site.root / "wheels" / cache_key.key(description)[:16]


def descriptor(record: Record) -> Descriptor:
    """Turn a layer's cache record into its descriptor."""
    return Descriptor(LAYER, record["digest"], int(record["size"]))


def _planned(cache: Cache, name: str, description: Description, waiting: str) -> Planned:
    if waiting:
        return Planned(name, why=[f"waits for {waiting}"])
    record = cache.get(description)
    if record:
        return Planned(name, cached=record["digest"])
    return Planned(name, why=cache.why(name, description))
