"""The variants of a model that a survey compares: those that the methods list."""

from coldforge.errors import UnknownNameError
from coldforge.quantize.methods.method import BOTH, HALF, WEIGHTS, Variant
from coldforge.quantize.registry import methods

ORDER = (HALF, WEIGHTS, BOTH)


def variants() -> list[Variant]:
    """List the variants of all methods, kind by kind, within a kind by the method's name."""
    found = [item for method in methods().values() for item in method.variants]
    return sorted(found, key=lambda item: ORDER.index(item.kind))


def choose_variants(text: str) -> list[Variant]:
    """Take the variants named, or all of a method named; all of an empty text.

    Names are separated by commas. Raise UnknownNameError for one that is neither.
    """
    known = variants()
    asked = {name.strip() for name in text.split(",")} - {""}
    names = {item.name for item in known} | {item.method for item in known}
    for name in sorted(asked - names):
        raise UnknownNameError("variant", name, [item.name for item in known])
    return [item for item in known if not asked or {item.name, item.method} & asked]
