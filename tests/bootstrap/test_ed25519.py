"""Vectors of RFC 8032, section 7.1; everything else is compared with cryptography's verdict."""

import hashlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as some

from coldforge.bootstrap.ed25519 import BASE, NEUTRAL, L, P, add, decode, encode, verify

VECTORS = {
    "test 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "test 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    "test 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
}
# The eight points whose order divides 8, and second spellings of some of them.
SMALL = [
    (1).to_bytes(32, "little"),
    (P - 1).to_bytes(32, "little"),
    bytes(32),
    bytes(31) + b"\x80",
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    P.to_bytes(32, "little"),
    (P + 1).to_bytes(32, "little"),
    ((P - 1) | 1 << 255).to_bytes(32, "little"),
    (1 | 1 << 255).to_bytes(32, "little"),
]
KEYS = some.binary(min_size=32, max_size=32)


def theirs(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed(seed: bytes, message: bytes) -> tuple[bytes, bytes]:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return private.public_key().public_bytes_raw(), private.sign(message)


@pytest.mark.parametrize("name", VECTORS)
def test_the_signatures_of_the_rfc_fit(name: str) -> None:
    key, message, signature = map(bytes.fromhex, VECTORS[name])
    assert verify(key, message, signature)
    assert not verify(key, message + b"x", signature)


@settings(max_examples=40)
@given(KEYS, some.binary(max_size=300))
def test_what_cryptography_signs_fits(seed: bytes, message: bytes) -> None:
    key, signature = signed(seed, message)
    assert verify(key, message, signature)


@settings(max_examples=80)
@given(KEYS, some.binary(max_size=40), some.integers(0, 95), some.integers(0, 7))
def test_any_flipped_bit_is_judged_as_cryptography_does(
    seed: bytes, message: bytes, place: int, bit: int
) -> None:
    key, signature = signed(seed, message)
    spoilt = bytearray(key + signature)
    spoilt[place] ^= 1 << bit
    key, signature = bytes(spoilt[:32]), bytes(spoilt[32:])
    assert not verify(key, message, signature)
    assert not theirs(key, message, signature)


@given(KEYS, some.binary(max_size=40), some.integers(1, 15))
def test_a_second_spelling_of_the_scalar_is_refused(
    seed: bytes, message: bytes, times: int
) -> None:
    key, signature = signed(seed, message)
    s = int.from_bytes(signature[32:], "little") + times * L
    if s < 1 << 256:
        assert not verify(key, message, signature[:32] + s.to_bytes(32, "little"))


@pytest.mark.parametrize("key", SMALL)
@pytest.mark.parametrize("r", SMALL)
def test_a_key_of_small_order_signs_nothing(key: bytes, r: bytes) -> None:
    for s in (0, 1, L - 1):
        for message in (b"", b"message"):
            assert not verify(key, message, r + s.to_bytes(32, "little"))


@given(some.binary(max_size=70), some.binary(max_size=40), some.binary(max_size=70))
def test_no_bytes_whatever_raise_or_fit(key: bytes, message: bytes, signature: bytes) -> None:
    assert verify(key, message, signature) is False


@given(KEYS)
def test_a_point_that_is_read_is_spelt_the_same(data: bytes) -> None:
    point = decode(data)
    assert point is None or encode(point) == data


@pytest.mark.parametrize("data", SMALL[8:])
def test_a_second_spelling_of_a_point_is_refused(data: bytes) -> None:
    assert decode(data) is None


def test_the_base_point_has_its_order() -> None:
    total, double = NEUTRAL, BASE
    for bit in range(L.bit_length()):
        if L >> bit & 1:
            total = add(total, double)
        double = add(double, double)
    assert encode(total) == encode(NEUTRAL)


def test_a_forgery_with_a_neutral_key_that_others_accept_is_refused() -> None:
    # With A neutral, any (sB, s) fits every message where small keys are not looked for.
    key, s = SMALL[0], int.from_bytes(hashlib.sha256(b"s").digest(), "little") % L
    total, double = NEUTRAL, BASE
    for bit in range(s.bit_length()):
        if s >> bit & 1:
            total = add(total, double)
        double = add(double, double)
    assert not verify(key, b"anything", encode(total) + s.to_bytes(32, "little"))
