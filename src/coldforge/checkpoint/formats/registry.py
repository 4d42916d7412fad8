"""Which checkpoint formats there are: one for each module of this package with a FORMAT."""

from functools import cache

from coldforge.checkpoint.formats.format import Format, Settings
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.plugins import provided


@cache
def formats() -> dict[str, Format]:
    """Map each format's name to it, sorted; none imports a tensor library before it is used."""
    found = provided("coldforge.checkpoint.formats", "FORMAT").values()
    return {item.name: item for item in sorted(found, key=lambda item: str(item.name))}


def find_format(name: str) -> Format:
    """Look a format up; raise UnknownNameError."""
    known = formats()
    if name not in known:
        raise UnknownNameError("checkpoint format", name, list(known))
    return known[name]


def format_of(settings: Settings) -> Format:
    """Recognise a checkpoint by its quantization_config; raise ColdforgeError if we cannot."""
    found = [item for item in formats().values() if item.matches(settings)]
    if len(found) == 1:
        return found[0]
    method = settings.get("quant_method") or "an unnamed method"
    form = settings.get("format") or settings.get("checkpoint_format") or settings.get("version")
    what = f"the checkpoint is quantised as {method}{f'/{form}' if form else ''}"
    if found:
        names = ", ".join(item.name for item in found)
        raise ColdforgeError(
            f"{what}, which several formats recognise: {names}",
            "one of them recognises too much: correct its `matches`",
        )
    raise ColdforgeError(what, f"formats that can be read: {', '.join(formats())}")
