"""Which quantisation methods there are; none imports its library before it is used."""

from coldforge.errors import UnknownNameError
from coldforge.model.methods.awq import Awq
from coldforge.model.methods.binary import Binary
from coldforge.model.methods.dynamic_int8 import DynamicInt8
from coldforge.model.methods.gptq import Gptq
from coldforge.model.methods.half import Half
from coldforge.model.methods.method import Method
from coldforge.model.methods.mixed import Mixed
from coldforge.model.methods.qat import Qat
from coldforge.model.methods.rtn import Rtn
from coldforge.model.methods.w8a8 import W8a8


def methods() -> dict[str, Method]:
    """List the methods by name."""
    known: list[Method] = [
        Gptq(),
        Awq(),
        Rtn(),
        W8a8(),
        Mixed(),
        Qat(),
        DynamicInt8(),
        Half("fp16", "float16"),
        Half("bf16", "bfloat16"),
        Binary(),
    ]
    return {method.name: method for method in known}


def find_method(name: str) -> Method:
    """Look a method up; raise UnknownNameError."""
    known = methods()
    if name not in known:
        raise UnknownNameError("method", name, list(known))
    return known[name]
