"""What a build would do, step by step: take from the cache, or make, and why."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from coldforge.image import describe
from coldforge.image.cache import Cache, Record
from coldforge.image.config import environment
from coldforge.image.describe import Description
from coldforge.image.layout import LAYER, Descriptor
from coldforge.image.site import Site
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
    """List every step in build order.

    Once a layer below must be made anew, a step run in a container follows it: whether its
    own result changes is known only then, so it is said to wait for it.
    """
    steps: list[Planned] = []
    if site.builder:
        steps = [
            replace(item, name=f"{site.builder.stack.name}/{item.name}")
            for item in plan(site.builder, cache)
        ]
    compilers = [item.cached for item in steps if "/wheel/" not in item.name]
    lagging = next((item.name for item in steps if not item.cached), "")
    diff_ids: list[str] = []
    waiting = ""
    for name, recipe in site.stack.layers.items():
        wheels: dict[str, str] = {}
        for wheel in recipe.inputs.wheels:
            below = compilers if site.builder else diff_ids
            description = wheel_description(site, wheel, name, below)
            follows = lagging if site.builder else waiting
            item = _planned(cache, f"wheel/{wheel}", description, follows)
            if item.cached and not any(wheel_folder(site, description).glob("*.whl")):
                item = Planned(item.name, why=["its file was removed"])
            steps.append(item)
            wheels[wheel] = item.cached
        made = [wheel for wheel, digest in wheels.items() if not digest]
        follows = waiting if recipe.script else ", ".join(made)
        item = _planned(cache, name, layer_description(site, name, wheels, diff_ids), follows)
        if item.cached and not site.layout.blob(item.cached).exists():
            item = Planned(name, why=["its blob was removed"])
        steps.append(item)
        diff_ids.append(item.cached)
        waiting = waiting or ("" if item.cached else name)
    return steps


def layer_description(
    site: Site, name: str, wheels: dict[str, str], below: list[str]
) -> Description:
    """Describe a layer on the diffIDs `below`; only a built one depends on them."""
    parts = describe.layer(site.space, site.stack, site.lock, name, wheels)
    if not site.stack.layers[name].script:
        return parts
    names = list(site.stack.layers)
    return describe.within(parts, below, environment(site.stack, names[: names.index(name) + 1]))


def wheel_description(site: Site, wheel: str, layer: str, below: list[str]) -> Description:
    """Describe a wheel that `layer` takes, built in the layers `below` (diffIDs)."""
    parts = describe.wheel(site.space, site.stack, site.lock, wheel)
    return describe.within(parts, below, environment(*compiling(site, layer)))


def compiling(site: Site, layer: str) -> tuple[Stack, list[str]]:
    """Name the stack and the layers of it in which the wheels of `layer` are compiled."""
    if site.builder:
        return site.builder.stack, list(site.builder.stack.layers)
    names = list(site.stack.layers)
    return site.stack, names[: names.index(layer)]


def wheel_folder(site: Site, description: Description) -> Path:
    """Name the folder where the wheel so described is kept."""
    return site.root / "wheels" / describe.key(description)[:16]


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
