"""Documents that others wrote, of a given shape or refused."""

from typing import TypeVar

import msgspec

from coldforge.bootstrap.strict import HINT, one_line, read_json
from coldforge.errors import ColdforgeError

T = TypeVar("T")
MOST = 1 << 20  # bytes of a document about trust


def read_strict(data: bytes, shape: type[T], what: str, most: int = MOST) -> T:
    """Decode JSON as `shape`; raise ColdforgeError in one line that begins with `what`.

    Refused: what `bootstrap.strict` refuses, other types, and fields that `shape` forbids.
    """
    try:
        return msgspec.convert(read_json(data, what, most), shape)
    except msgspec.ValidationError as error:
        raise ColdforgeError(f"{what} is malformed: {one_line(error)}", HINT) from error
