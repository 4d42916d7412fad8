"""JSON that others wrote, read without mercy: what is odd is refused, not interpreted."""

from __future__ import annotations

import json
from typing import Any

from coldforge.errors import ColdforgeError

HINT = "get it again from where it came"


def read_json(data: bytes, what: str, most: int) -> Any:  # noqa: ANN401 - what JSON can hold
    """Decode `data`; raise ColdforgeError in one line that begins with `what`.

    Refused: more than `most` bytes, other than UTF-8, a name given twice, NaN, endless nesting.
    """
    if len(data) > most:
        raise ColdforgeError(f"{what} is too large: {len(data)} bytes, at most {most}", HINT)
    try:
        text = data.decode("utf-8")
        return json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ColdforgeError(f"{what} is not UTF-8 text", HINT) from error
    except (ValueError, RecursionError) as error:
        raise ColdforgeError(f"{what} is not JSON: {one_line(error)}", HINT) from error


def one_line(error: Exception) -> str:
    """Say what an exception says, in one short line."""
    return " ".join(str(error).split())[:200]


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; two readers could disagree on which of two equal names counts."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is given twice")
    return made


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
