"""A stack: the ordered layers that make one image, and where their inputs may come from."""

import msgspec

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.paths import Workspace
from coldforge.stack.profile import Profile, read_profile
from coldforge.stack.recipe import LayerRecipe, WheelRecipe, read_layer, read_wheel
from coldforge.tomlfile import read_toml


class Suite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Debian suite; the first of a stack is the default one."""

    name: str
    components: list[str] = msgspec.field(default_factory=lambda: ["main"])


class Debian(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to resolve Debian packages against."""

    suites: list[Suite]
    architecture: str = "amd64"


class Python(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The image's interpreter, not the host's."""

    version: str
    platform: str
    """Platform as the resolver names it, e.g. x86_64-manylinux_2_36."""
    indexes: list[str] = []
    """Publishers' own indexes, tried after the user's pip configuration."""


class ImageSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the finished image runs as."""

    user: str = ""
    workdir: str = "/"
    entrypoint: list[str] = []
    cmd: list[str] = []
    labels: dict[str, str] = {}


class StackFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of docker/stacks/<stack>.toml."""

    summary: str
    epoch: int
    """Seconds since 1970 that every time stamp in the image shows."""
    layers: list[str]
    release: str = ""
    """Release profile under docker/releases/ that the stack is for."""
    builder: str = ""
    """Stack in whose image the wheels are compiled; empty: in this one's own layers."""
    architectures: list[str] = []
    """CUDA architectures of what is compiled, as CMake names them: 80-real."""
    debian: Debian | None = None
    python: Python | None = None
    image: ImageSettings = ImageSettings()
    platform: str = "linux/amd64"


class Stack(msgspec.Struct, frozen=True):
    """A stack file with its recipes read."""

    name: str
    file: StackFile
    layers: dict[str, LayerRecipe]
    wheels: dict[str, WheelRecipe]
    profile: Profile | None = None

    def requests(self) -> dict[str, list[str]]:
        """List what each use (`base`, `wheel/gptqmodel`) asks of each origin, sorted."""
        asked: dict[str, list[str]] = {}
        for name, recipe in self.layers.items():
            asked[name] = sorted(
                [f"debian:{package}" for package in recipe.inputs.debian]
                + [f"python:{requirement}" for requirement in recipe.inputs.python]
                + [f"wheel:{wheel}" for wheel in recipe.inputs.wheels]
                + [f"carried:{name}" for name in recipe.inputs.carried]
                + [f"image:{image}" for image in [recipe.inputs.image] if image]
            )
        for name, wheel in self.wheels.items():
            source = f"git:{self.source}" if wheel.release else f"sdist:{wheel.sdist}"
            asked[f"wheel/{name}"] = sorted(
                [source, *(f"python:{item}" for item in wheel.requires)]
            )
        return asked

    @property
    def source(self) -> str:
        """Name the commit of the stack's release: `github:owner/name@<hex>`."""
        profile = self.profile
        return f"{profile.repository}@{profile.commit}" if profile else ""


def read_stack(space: Workspace, name: str) -> Stack:
    """Read a stack and every recipe it names; raise UnknownNameError or ColdforgeError."""
    known = [path.stem for path in space.stacks.glob("*.toml")]
    if name not in known:
        raise UnknownNameError("stack", name, known)
    file = read_toml(space.stacks / f"{name}.toml", StackFile)
    if file.builder == name:
        raise ColdforgeError(
            f"'{name}' is its own builder", "leave builder out: that is the default"
        )
    layers = {layer: read_layer(space.layers, layer) for layer in file.layers}
    wheels = sorted({wheel for recipe in layers.values() for wheel in recipe.inputs.wheels})
    recipes = {wheel: read_wheel(space.wheels, wheel) for wheel in wheels}
    profile = read_profile(space.releases, file.release) if file.release else None
    return Stack(name, file, layers, recipes, profile)
