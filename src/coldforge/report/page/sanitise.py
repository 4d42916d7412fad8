"""Other people's JSON made fit to show: finite numbers, text that can be written."""

import math
import re
from typing import Any

LARGEST, ENDLESS = 2**63, 1e100
"""Beyond which a whole number, and any other, counts nothing that there is."""
UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of pairs that no encoding has."""


def writable(text: str) -> str:
    """Replace what cannot be written into a page."""
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def clean(value: Any, lost: list[str], place: str = "") -> Any:  # noqa: ANN401 - what JSON holds
    """Return it with writable text, and None for numbers without end, whose places join `lost`."""
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, dict):
        return {
            writable(name): clean(item, lost, f"{place}.{writable(name)}".lstrip("."))
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [clean(item, lost, f"{place}[{at}]") for at, item in enumerate(value)]
    if _endless(value):
        lost.append(place)
        return None
    return value


def _endless(value: object) -> bool:
    """Tell whether it is a number that is infinite, undefined, or beyond all that is counted."""
    if isinstance(value, float):
        return not math.isfinite(value) or abs(value) > ENDLESS
    return isinstance(value, int) and abs(value) >= LARGEST
