"""The door of releases: loader/v0_5_0.py is docker/releases/0.5.0.toml, and has a LOADER.

The file's name is the release's, so that releases are listed without importing their loaders.
"""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from coldforge.errors import UnknownNameError
from coldforge.plugins import provided

if TYPE_CHECKING:
    from coldforge.engine.tensorrt_llm.loader.loader import Loader

PACKAGE = "coldforge.engine.tensorrt_llm.loader"


def release_names() -> list[str]:
    """Name the releases whose loaders are known, the oldest first."""
    modules = (item.name for item in pkgutil.iter_modules(import_module(PACKAGE).__path__))
    names = [_release(name) for name in modules if name[0] == "v" and name[1].isdigit()]
    return sorted(names, key=lambda name: tuple(map(int, name.split("."))))


def loaders() -> dict[str, "Loader"]:
    """Map releases to their loaders."""
    found = provided(PACKAGE, "LOADER")
    return {_release(name): loader for name, loader in found.items()}


def find_loader(release: str) -> "Loader":
    """Look one up; raise UnknownNameError."""
    known = loaders()
    if release not in known:
        raise UnknownNameError("release", release, list(known))
    return known[release]


def _release(module: str) -> str:
    return module.removeprefix("v").replace("_", ".")
