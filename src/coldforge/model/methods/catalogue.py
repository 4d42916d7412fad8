"""Which quantisation methods there are; none imports its library before it is used."""

from coldforge.errors import UnknownNameError
from coldforge.model.methods.gptq import Gptq
from coldforge.model.methods.half import Half
from coldforge.model.methods.method import Method
from coldforge.model.methods.rtn import Rtn


def methods() -> dict[str, Method]:
    """List the methods by name."""
    known: list[Method] = [Gptq(), Rtn(), Half("fp16", "float16"), Half("bf16", "bfloat16")]
    return {method.name: method for method in known}


def find_method(name: str) -> Method:
    """Look a method up; raise UnknownNameError."""
    known = methods()
    if name not in known:
        raise UnknownNameError("method", name, list(known))
    return known[name]
