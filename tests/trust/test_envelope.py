import base64
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.errors import ColdforgeError
from coldforge.trust.envelope import Signature, is_valid, read_envelope, read_strict, seal, sign
from tests.trust.conftest import People

KIND = "application/x"
PAYLOAD = b'{"a":1}'


def test_an_envelope_is_json_as_dsse_names_it(people: People) -> None:
    envelope = seal(KIND, PAYLOAD, [sign(KIND, PAYLOAD, people.private["anna"])])
    text = msgspec.json.decode(msgspec.json.encode(envelope))
    assert set(text) == {"payloadType", "payload", "signatures"}
    assert read_envelope(msgspec.json.encode(envelope), "it") == envelope
    assert envelope.content == PAYLOAD


def test_a_second_signature_of_one_key_replaces_the_first(people: People) -> None:
    old = Signature(people.key("anna").fingerprint, "AAAA")
    new = sign(KIND, PAYLOAD, people.private["anna"])
    assert seal(KIND, PAYLOAD, [old, new]).signatures == [new]


@given(place=some.integers(0, 63), bit=some.integers(0, 7))
def test_any_flipped_bit_of_a_signature_is_found(people: People, place: int, bit: int) -> None:
    good = sign(KIND, PAYLOAD, people.private["anna"])
    data = bytearray(base64.b64decode(good.sig))
    data[place] ^= 1 << bit
    bad = Signature(good.keyid, base64.b64encode(data).decode())
    assert is_valid(people.key("anna"), KIND, PAYLOAD, good)
    assert not is_valid(people.key("anna"), KIND, PAYLOAD, bad)


@given(place=some.integers(0, len(PAYLOAD) - 1), bit=some.integers(0, 7))
def test_any_flipped_bit_of_the_payload_is_found(people: People, place: int, bit: int) -> None:
    data = bytearray(PAYLOAD)
    data[place] ^= 1 << bit
    good = sign(KIND, PAYLOAD, people.private["anna"])
    assert not is_valid(people.key("anna"), KIND, bytes(data), good)


def test_a_signature_counts_for_its_type_alone(people: People) -> None:
    good = sign(KIND, PAYLOAD, people.private["anna"])
    assert not is_valid(people.key("anna"), "application/y", PAYLOAD, good)


@given(some.text(max_size=100))
def test_a_signature_that_is_no_base64_does_not_fit(people: People, text: str) -> None:
    assert not is_valid(people.key("anna"), KIND, PAYLOAD, Signature("x", text))


@pytest.mark.parametrize("payload", ["e", "e30", "e30=\n", "e30= ", "e31=", "é"])
def test_a_payload_has_one_spelling(payload: str) -> None:
    data = msgspec.json.encode({"payloadType": KIND, "payload": payload, "signatures": []})
    with pytest.raises(ColdforgeError, match="not base64"):
        read_envelope(data, "it").content  # noqa: B018 - it is decoded when asked for


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
