"""Which checkpoint formats there are; none imports a tensor library before it is used."""

from coldforge.checkpoint.formats.awq import Awq
from coldforge.checkpoint.formats.binary import Binary
from coldforge.checkpoint.formats.compressed_tensors import Packed
from coldforge.checkpoint.formats.format import Format, Settings
from coldforge.checkpoint.formats.gptq import Gptq
from coldforge.checkpoint.formats.int8 import Int8
from coldforge.checkpoint.formats.w8a8 import W8a8
from coldforge.errors import ColdforgeError, UnknownNameError


def formats() -> dict[str, Format]:
    """List the formats by name."""
    known: list[Format] = [
        Gptq("gptq", offset=1),
        Gptq("gptq_v2", offset=0),
        Awq(),
        Packed(),
        W8a8(),
        Int8(),
        Binary(),
    ]
    return {item.name: item for item in known}


def find_format(name: str) -> Format:
    """Look a format up; raise UnknownNameError."""
    known = formats()
    if name not in known:
        raise UnknownNameError("checkpoint format", name, list(known))
    return known[name]


def format_of(settings: Settings) -> Format:
    """Recognise a checkpoint by its quantization_config; raise ColdforgeError if we cannot."""
    for item in formats().values():
        if item.matches(settings):
            return item
    method = settings.get("quant_method") or "nobody knows what"
    form = settings.get("format") or settings.get("checkpoint_format") or settings.get("version")
    raise ColdforgeError(
        f"the checkpoint is quantised as {method}{f'/{form}' if form else ''}",
        f"formats that can be read: {', '.join(formats())}",
    )
