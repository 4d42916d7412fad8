"""The quantisation methods, found in coldforge.quantize.methods; see Method there."""

from collections.abc import Mapping
from typing import Any

from coldforge.errors import UnknownNameError
from coldforge.plugins import provided
from coldforge.quantize.methods.method import Method
from coldforge.quantize.settings import Setting, declared, merged, resolve


def methods() -> dict[str, Method]:
    """List the methods by name."""
    found: list[Method] = list(provided("coldforge.quantize.methods", "METHOD").values())
    return {method.name: method for method in found}


def find_method(name: str) -> Method:
    """Look a method up; raise UnknownNameError."""
    known = methods()
    if name not in known:
        raise UnknownNameError("method", name, list(known))
    return known[name]


def settings_of(name: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in a method's defaults for what was not asked for.

    Raise UnknownNameError, or ColdforgeError for what the method does not take.
    """
    return resolve(name, find_method(name).settings, asked)


def all_settings() -> dict[str, Setting]:
    """List the settings of all methods by name."""
    return merged(declared(name, method.settings) for name, method in methods().items())
