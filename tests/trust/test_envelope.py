import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.errors import ColdforgeError
from coldforge.trust.envelope import Signature, fits, read_envelope, seal, sign
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
    assert fits(people.key("anna"), KIND, PAYLOAD, good)
    assert not fits(people.key("anna"), KIND, PAYLOAD, bad)


@given(place=some.integers(0, len(PAYLOAD) - 1), bit=some.integers(0, 7))
def test_any_flipped_bit_of_the_payload_is_found(people: People, place: int, bit: int) -> None:
    data = bytearray(PAYLOAD)
    data[place] ^= 1 << bit
    good = sign(KIND, PAYLOAD, people.private["anna"])
    assert not fits(people.key("anna"), KIND, bytes(data), good)


def test_a_signature_counts_for_its_type_alone(people: People) -> None:
    good = sign(KIND, PAYLOAD, people.private["anna"])
    assert not fits(people.key("anna"), "application/y", PAYLOAD, good)


@given(some.text(max_size=100))
def test_a_signature_that_is_no_base64_does_not_fit(people: People, text: str) -> None:
    assert not fits(people.key("anna"), KIND, PAYLOAD, Signature("x", text))


@pytest.mark.parametrize("payload", ["e", "e30", "e30=\n", "e30= ", "e31=", "é"])
def test_a_payload_has_one_spelling(payload: str) -> None:
    data = msgspec.json.encode({"payloadType": KIND, "payload": payload, "signatures": []})
    with pytest.raises(ColdforgeError, match="not base64"):
        read_envelope(data, "it").content  # noqa: B018 - it is decoded when asked for
