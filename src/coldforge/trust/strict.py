"""JSON that others wrote, read without mercy: what is odd is refused, not interpreted."""

import json
from typing import Any, TypeVar

import msgspec

from coldforge.errors import ColdforgeError

T = TypeVar("T")
MOST = 1 << 20  # bytes of a document about trust


def read_strict(data: bytes, shape: type[T], what: str, most: int = MOST) -> T:
    """Decode `data` as `shape`; raise ColdforgeError in one line that begins with `what`.

    Refused: more than `most` bytes, other than UTF-8, a name given twice, NaN, unknown fields.
    """
    hint = "get it again from where it came"
    if len(data) > most:
        raise ColdforgeError(f"{what} is too large: {len(data)} bytes, at most {most}", hint)
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant
        )
        return msgspec.convert(value, shape)
    except UnicodeDecodeError as error:
        raise ColdforgeError(f"{what} is not UTF-8 text", hint) from error
    except msgspec.ValidationError as error:
        raise ColdforgeError(f"{what} is malformed: {_one_line(error)}", hint) from error
    except (ValueError, RecursionError) as error:
        raise ColdforgeError(f"{what} is not JSON: {_one_line(error)}", hint) from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; two readers could disagree on which of two equal names counts."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is given twice")
    return made


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
