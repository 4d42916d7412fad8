import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.bootstrap.dsse import decode64, fingerprint, key_bytes, pae
from coldforge.errors import ColdforgeError


def test_type_and_payload_are_encoded_as_the_protocol_says() -> None:
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(some.tuples(some.text(), some.binary()), some.tuples(some.text(), some.binary()))
def test_two_payloads_are_encoded_alike_only_if_they_are_equal(
    one: tuple[str, bytes], other: tuple[str, bytes]
) -> None:
    assert (pae(*one) == pae(*other)) == (one == other)


@given(some.binary())
def test_base64_is_decoded(data: bytes) -> None:
    assert decode64(base64.b64encode(data).decode()) == data


@pytest.mark.parametrize("text", ["e", "e30", "e30=\n", " e30=", "e31=", "é", "e30==", "_-=="])
def test_bytes_have_one_spelling(text: str) -> None:
    assert decode64(text) is None


def test_a_key_is_named_by_the_digest_of_its_bytes() -> None:
    key = bytes(range(32))
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
    assert fingerprint(key) == "SHA256:" + digest.rstrip("=")


@given(
    some.text(max_size=60) | some.binary(max_size=40).map(lambda b: base64.b64encode(b).decode())
)
def test_what_is_no_key_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ColdforgeError) as caught:
        key_bytes(f"ed25519:{text}" if len(text) != 44 else text)
    assert caught.value.message.isprintable()
