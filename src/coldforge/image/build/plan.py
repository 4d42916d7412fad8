"""Plan a build: which steps come from the cache, which are made, and why."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from coldforge.image.build import cache_key
from coldforge.image.build.cache import Cache, Record
from coldforge.image.build.cache_key import Description
from coldforge.image.layers.context import BuildContext
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


def plan(context: BuildContext, cache: Cache) -> list[Planned]:
    """List every step in build order, those of the builder stack first.

    Once a layer below must be made, a step run in a container depends on the result: it is
    listed as waiting for that layer.
    """
    planner = _Planner(context, cache)
    for name in context.stack.layers:
        planner.layer(name)
    return planner.steps


class _Planner:
    """The plan so far, and the layers below the next step."""

    def __init__(self, context: BuildContext, cache: Cache) -> None:
        self.context, self.cache = context, cache
        self.below: list[str] = []
        self.waiting = ""
        self.steps = plan(context.builder, cache) if context.builder else []
        layers = [item for item in self.steps if not item.name.startswith("wheel/")]
        self.compilers = [item.cached for item in layers] if context.builder else self.below
        self.lagging = next((item.name for item in layers if not item.cached), "")
        if context.builder:
            prefix = context.builder.stack.name
            self.steps = [replace(item, name=f"{prefix}/{item.name}") for item in self.steps]

    def layer(self, name: str) -> None:
        """Plan a layer and the wheels it takes."""
        recipe = self.context.stack.layers[name]
        wheels = {wheel: self._wheel(wheel, name) for wheel in recipe.inputs.wheels}
        made = ", ".join(wheel for wheel, digest in wheels.items() if not digest)
        description = layer_description(self.context, name, wheels, self.below)
        item = self._step(name, description, self.waiting if recipe.script else made)
        if item.cached and not self.context.layout.blob(item.cached).exists():
            item = Planned(name, why=["its blob was removed"])
        self.steps.append(item)
        self.below.append(item.cached)
        self.waiting = self.waiting or ("" if item.cached else name)

    def _wheel(self, wheel: str, layer: str) -> str:
        description = wheel_description(self.context, wheel, layer, self.compilers)
        follows = self.lagging if self.context.builder else self.waiting
        item = self._step(f"wheel/{wheel}", description, follows)
        if item.cached and not any(wheel_folder(self.context, description).glob("*.whl")):
            item = Planned(item.name, why=["its file was removed"])
        self.steps.append(item)
        return item.cached

    def _step(self, name: str, description: Description, waiting: str) -> Planned:
        context = self.context
        if files := files_to_bring(context.stack, context.lock, context.store, name):
            return Planned(name, why=[f"lacks {file.files[0]}" for file in files])
        return _planned(self.cache, name, description, waiting)


def layer_description(
    context: BuildContext, name: str, wheels: dict[str, str], below: list[str]
) -> Description:
    """Describe a layer on the diffIDs `below`; only a built one depends on them."""
    parts = cache_key.layer(context.space, context.stack, context.lock, name, wheels)
    if not context.stack.layers[name].script:
        return parts
    names = list(context.stack.layers)
    return cache_key.with_parents(
        parts, below, environment(context.stack, names[: names.index(name) + 1])
    )


def wheel_description(
    context: BuildContext, wheel: str, layer: str, below: list[str]
) -> Description:
    """Describe a wheel that `layer` takes, built in the layers `below` (diffIDs)."""
    parts = cache_key.wheel(context.space, context.stack, context.lock, wheel)
    return cache_key.with_parents(parts, below, environment(*compile_layers(context, layer)))


def compile_layers(context: BuildContext, layer: str) -> tuple[Stack, list[str]]:
    """Name the stack and the layers of it in which the wheels of `layer` are compiled."""
    if context.builder:
        return context.builder.stack, list(context.builder.stack.layers)
    names = list(context.stack.layers)
    return context.stack, names[: names.index(layer)]


def wheel_folder(context: BuildContext, description: Description) -> Path:
    """Name the folder where the wheel so described is kept."""
    return context.root / "wheels" / cache_key.key(description)[:16]


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
