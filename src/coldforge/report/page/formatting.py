"""Write values for people, by the kind of thing that they count."""

import math
from collections.abc import Callable

from coldforge.progress import amount
from coldforge.report.page.model import Value

NOTHING = "—"
"""Written where nothing was measured."""
WORDS = frozenset({"text", "digest"})
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def form(value: Value, kind: str) -> str:
    """Write a value, with its unit if the kind's unit varies."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str) or kind in WORDS:
        return str(value)
    return FORMS.get(kind, near)(float(value))


def near(value: float) -> str:
    """Write a number to three significant digits, whole ones in full, tiny ones as a power."""
    size = abs(value)
    if size == 0:
        return "0"
    if size < 1e-4:
        digits, power = f"{value:.2e}".split("e")
        return f"{digits}·10{str(int(power)).translate(SUPERSCRIPT)}"
    places = max(0, 2 - math.floor(math.log10(size)))
    return minus(f"{value:,.{places}f}")


def minus(text: str) -> str:
    """Write a negative number with a minus, not a hyphen."""
    return text.replace("-", "\N{MINUS SIGN}")


def memory(count: float) -> str:
    """Write bytes of memory, with binary prefixes."""
    size = abs(count)
    for prefix in ("", "Ki", "Mi"):
        if size < 1024:
            return minus(f"{math.copysign(size, count):.1f} {prefix}B".replace(".0 B", " B"))
        size /= 1024
    return minus(f"{math.copysign(size, count):,.1f} GiB")


def fit(count: float) -> str:
    """Say whether something fits a card, given the bytes that stay free."""
    return f"fits, {memory(count)} free" if count >= 0 else f"needs {memory(-count)} more"


def seconds(value: float) -> str:
    """Write a duration."""
    if value < 1:
        return f"{near(1000 * value)} ms"
    if value < 600:
        return f"{value:.1f} s"
    whole = round(value / 60)
    return f"{whole // 60} h {whole % 60:02} min" if whole >= 60 else f"{whole} min"


FORMS: dict[str, Callable[[float], str]] = {
    "count": lambda value: minus(f"{value:,.0f}"),
    "bytes": amount,
    "memory": memory,
    "room": fit,
    "ms": near,
    "seconds": seconds,
    "rate": near,
    "times": lambda value: f"{value:,.2f}\N{MULTIPLICATION SIGN}",
    "share": lambda value: f"{100 * value:.2f} %",
    "change": lambda value: minus(f"{100 * value:+.{1 if abs(value) >= 0.1 else 2}f} %"),
    "points": lambda value: minus(f"{100 * value:+.2f} points"),
    "nats": near,
    "perplexity": lambda value: f"{value:,.3f}",
    "bits": lambda value: f"{value:.3f}",
}
"""How each kind of value is written; the heading gives the unit of ms, rate and nats."""
