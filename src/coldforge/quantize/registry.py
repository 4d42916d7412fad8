"""Which quantisation methods there are; none imports its library before it is used."""

from coldforge.errors import UnknownNameError
from coldforge.quantize.methods.awq import Awq
from coldforge.quantize.methods.binary import Binary
from coldforge.quantize.methods.dynamic_int8 import DynamicInt8
from coldforge.quantize.methods.gptq import Gptq
from coldforge.quantize.methods.half import Half
from coldforge.quantize.methods.method import Method
from coldforge.quantize.methods.mixed.method import Mixed
from coldforge.quantize.methods.qat.method import Qat
from coldforge.quantize.methods.rtn import Rtn
from coldforge.quantize.methods.w8a8 import W8a8


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
