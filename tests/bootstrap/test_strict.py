import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.bootstrap.strict import read_json
from coldforge.errors import ColdforgeError

PLAIN = some.none() | some.booleans() | some.integers() | some.text()
ANY = some.recursive(PLAIN, lambda of: some.lists(of) | some.dictionaries(some.text(), of))


@given(ANY)
def test_json_is_read(value: object) -> None:
    assert read_json(json.dumps(value).encode(), "it", 1 << 20) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        b"{} {}",
        b'{"a": 1, "a": 2}',
        b"NaN",
        b"-Infinity",
        b"[" * 100_000,
        b"9" * 5000,
        b" " * 1001,
    ],
)
def test_odd_documents_are_refused_in_one_line(data: bytes) -> None:
    most = 1000 if data.isspace() else 1 << 20
    with pytest.raises(ColdforgeError) as caught:
        read_json(data, "it", most)
    assert caught.value.message.startswith("it is")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 250


def test_as_many_bytes_as_allowed_are_read_and_not_one_more() -> None:
    assert read_json(b"1".ljust(1000), "it", 1000) == 1
    with pytest.raises(ColdforgeError, match="it is too large: 1001 bytes, at most 1000"):
        read_json(b"1".ljust(1001), "it", 1000)
