"""Which quantisation methods there are; none imports its library before it is used."""

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.model.gptq import Gptq
from coldforge.model.method import Method


def methods() -> dict[str, Method]:
    """List the methods by name."""
    known: list[Method] = [Gptq()]
    return {method.name: method for method in known}


def find_method(name: str, bits: int) -> Method:
    """Look a method up and check the width; raise UnknownNameError or ColdforgeError."""
    known = methods()
    if name not in known:
        raise UnknownNameError("method", name, list(known))
    method = known[name]
    if bits not in method.bits:
        widths = ", ".join(map(str, method.bits))
        raise ColdforgeError(f"{name} does not store {bits} bits", f"choose --bits from: {widths}")
    return method
