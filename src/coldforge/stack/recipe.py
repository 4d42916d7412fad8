"""Recipes: what goes into a layer or a source-built wheel, as data beside its scripts."""

from pathlib import Path

import msgspec

from coldforge.errors import UnknownNameError
from coldforge.tomlfile import read_toml


class Inputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a layer asks for; the lock answers with bytes."""

    debian: list[str] = []
    """Packages: `name`, or `name/suite` to take it from another suite of the stack."""
    python: list[str] = []
    """PEP 508 requirements, resolved for the image's interpreter."""
    wheels: list[str] = []
    """Recipes under wheels/, built from source in the layers below."""
    carried: list[str] = []
    """Hand-carried files, by the names the stack's release profile gives them."""
    image: str = ""
    """Base image from a registry, `repository@sha256:<hex>`, flattened into this layer.

    Only its files: what its config sets (environment, user, command) the stack says itself.
    """
    project: bool = False
    """The project's own wheel."""
    files: dict[str, str] = {}
    """Files of the checkout -> their absolute path in the image."""


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a part of an archive goes, instead of where its format would put it."""

    input: str
    """Glob over wheel file names, or the name of a carried archive."""
    to: str
    """Absolute folder of the image."""
    prefix: str = ""
    """Folder inside the archive whose content is placed; the rest is left out."""
    only: list[str] = []
    """Globs of paths below the prefix to take; empty for all."""
    without: list[str] = []
    """Globs of paths below the prefix to leave out."""
    unversioned: bool = False
    """Add the links compilers look for: libx.so -> libx.so.1."""


class LayerRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A layer: assembled from its inputs, or built by `script` on the layers below."""

    summary: str
    inputs: Inputs = Inputs()
    place: list[Place] = []
    """How archives are laid out; a wheel that matches none is installed as a Python package."""
    links: dict[str, str] = {}
    """Symlinks: absolute path -> target. Here, in `place` and in `text`, {name} stands for the
    locked version of the hand-carried file of that name."""
    text: dict[str, str] = {}
    """Small files: absolute path -> content."""
    packages: dict[str, str] = {}
    """Hand-carried archive -> glob of the wheels in it; the one for the image's interpreter is
    installed."""
    script: str | None = None
    """Executable beside layer.toml, or one of docker/layers/ that several layers run.

    With it the layer is built, without it assembled."""
    outputs: list[str] = msgspec.field(default_factory=lambda: ["/"])
    """Absolute paths whose changes the built layer keeps."""
    capabilities: list[str] = []
    """Linux capabilities the script needs; every other one is dropped."""
    env: dict[str, str] = {}
    """Environment of the image from this layer upwards."""
    check: str | None = None
    """Executable beside layer.toml that proves the layer, run in it without network."""
    probes: str | None = None
    """Folder of the checkout shown read-only at /coldforge/in/probes to the check."""

    def __post_init__(self) -> None:
        """Refuse a script beside a base image: it would run without the image."""
        if self.inputs.image and self.script:
            raise ValueError("a layer of a base image runs no script: put it in a layer above")


class WheelRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wheel built from source: same bytes every time. Its source is an sdist or a release."""

    summary: str
    sdist: str = ""
    """`name==version` on the Python index."""
    requires: list[str] = []
    """Build requirements (PEP 508); wheels only."""
    release: bool = False
    """The source is that of the stack's release profile, built by the release's own script."""
    env: dict[str, str] = {}

    def __post_init__(self) -> None:
        """Refuse a recipe of no source, or of two."""
        if bool(self.sdist) == self.release:
            raise ValueError("name one source: sdist = or release = true")


def layer_folder(layers: Path, name: str) -> Path:
    """Find the folder of layer `name`; raise UnknownNameError."""
    return _folder(layers, name, "layer", "layer.toml")


def layer_script(layers: Path, name: str, script: str) -> Path:
    """Find a layer's script: its own, else the one that layers share."""
    own = layer_folder(layers, name) / script
    return own if own.exists() else layers / script


def wheel_folder(wheels: Path, name: str) -> Path:
    """Find the folder of wheel recipe `name`; raise UnknownNameError."""
    return _folder(wheels, name, "wheel recipe", "wheel.toml")


def read_layer(layers: Path, name: str) -> LayerRecipe:
    """Read docker/layers/<name>/layer.toml."""
    return read_toml(layer_folder(layers, name) / "layer.toml", LayerRecipe)


def read_wheel(wheels: Path, name: str) -> WheelRecipe:
    """Read wheels/<name>/wheel.toml."""
    return read_toml(wheel_folder(wheels, name) / "wheel.toml", WheelRecipe)


def _folder(parent: Path, name: str, kind: str, marker: str) -> Path:
    known = [path.parent.name for path in parent.glob(f"*/{marker}")]
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return parent / name
