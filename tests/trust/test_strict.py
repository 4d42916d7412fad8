from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.errors import ColdforgeError
from coldforge.trust.strict import read_strict


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    count: Annotated[int, msgspec.Meta(ge=0)] = 0


def test_what_has_the_shape_is_read() -> None:
    assert read_strict(b'{"name": "x", "count": 2}', Shape, "it") == Shape("x", 2)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"null", "malformed"),
        (b'{"name": "x"} {}', "not JSON"),
        (b'{"name": "x", "name": "y"}', "given twice"),
        (b'{"name": "x", "more": 1}', "unknown field"),
        (b'{"name": "x", "count": NaN}', "NaN"),
        (b'{"name": "x", "count": 1.0}', "malformed"),
        (b'{"name": "x", "count": -1}', "malformed"),
        (b'{"name": "x", "count": ' + b"9" * 5000 + b"}", "it "),
        (b"[" * 200_000, "not JSON"),
        (b'{"name": "' + b"x" * (1 << 20) + b'"}', "too large"),
    ],
)
def test_odd_documents_are_refused_in_one_line(data: bytes, why: str) -> None:
    with pytest.raises(ColdforgeError, match=why) as caught:
        read_strict(data, Shape, "it")
    assert caught.value.message.startswith("it ")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


@given(some.binary(max_size=200) | some.text(max_size=200).map(str.encode))
def test_no_bytes_whatever_raise_anything_else(data: bytes) -> None:
    try:
        read_strict(data, Shape, "it")
    except ColdforgeError as error:
        assert "\n" not in error.message
