"""How a package grows by a file: each of its modules provides one thing, found by its name.

    families = provided("coldforge.model.families", "FAMILY")   # {"gpt2": ..., "llama": ...}

A module that has the attribute is listed under its own name; nobody keeps a list elsewhere.
"""

import pkgutil
from importlib import import_module
from typing import Any


def provided(package: str, attribute: str) -> dict[str, Any]:
    """Import the modules of `package` and map the name of each that has `attribute` to its value.

    A subpackage counts as a module; names that begin with _ are skipped. Ordered by name.
    """
    place = import_module(package)
    names = sorted(
        item.name for item in pkgutil.iter_modules(place.__path__) if item.name[0] != "_"
    )
    found = {name: getattr(import_module(f"{package}.{name}"), attribute, None) for name in names}
    return {name: thing for name, thing in found.items() if thing is not None}
