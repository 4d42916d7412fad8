import base64
import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from coldforge.bootstrap.folder import Copies
from coldforge.bootstrap.verify import (
    TYPE,
    as_trust_file,
    bundle_by_digest,
    bundle_by_signatures,
    claimed_signatures,
    parse_signatures,
    parse_trust,
    signers,
)
from coldforge.bundle.format.index import TYPE as THEIRS
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError
from coldforge.files.digest import canonical_json
from coldforge.trust.envelope import Signature, sign
from coldforge.trust.trust import parse_trust as theirs
from coldforge.trust.trust import signers as their_signers
from tests.bundle.bundles import private_key, trust

NAMES = ("anna", "ben", "cleo")


def index(serial: int = 1) -> bytes:
    """The least that is an index: a tool of one item."""
    sha256 = "a" * 64
    tool = {"revision": "", "python": "3.11", "runtime": [], "wheels": {}, "project": sha256}
    item = {"sha256": sha256, "size": 0, "store": "mirror", "parts": []}
    value = {"format": 1, "serial": serial, "tool": tool, "items": [item]}
    return json.dumps(value | {"volumes": [], "parity_volumes": []}).encode()


def signed(data: bytes, *names: str, kind: str = TYPE) -> list[Signature]:
    return [sign(kind, data, private_key(name)) for name in names]


def document(signatures: list[Signature]) -> bytes:
    return canonical_json({"signatures": msgspec.to_builtins(signatures), "trust": []})


def copies(*each: tuple[bytes, list[Signature]]) -> dict[str, Copies]:
    return {
        hashlib.sha256(data).hexdigest(): Copies(data, [document(signatures)])
        for data, signatures in each
    }


def test_both_sides_sign_the_same_type() -> None:
    assert TYPE == THEIRS


@settings(max_examples=40)
@given(
    known=some.lists(some.sampled_from(NAMES), min_size=1, unique=True),
    by=some.lists(some.sampled_from(NAMES), max_size=4),
    spoilt=some.sets(some.integers(0, 3)),
    threshold=some.integers(1, 3),
)
def test_it_judges_as_the_tool_does(
    known: list[str], by: list[str], spoilt: set[int], threshold: int
) -> None:
    trusting = trust(*known, threshold=min(threshold, len(known)))
    data = index()
    signatures = [
        sign(TYPE, data + b" " * (place in spoilt), private_key(name))
        for place, name in enumerate(by)
    ]
    said = their_signers(trusting, TYPE, data, signatures)
    plain = parse_trust(trusting.payload)
    held = copies((data, signatures))
    assert signers(plain, data, claimed_signatures(next(iter(held.values())))) == said
    if len(said) >= trusting.threshold:
        assert bundle_by_signatures(held, plain) == next(iter(held))
    else:
        with pytest.raises(RefusedError):
            bundle_by_signatures(held, plain)


@pytest.mark.parametrize(
    ("by", "kind", "why"),
    [
        ((), TYPE, "is not signed"),
        (("cleo",), TYPE, "no key of the trust file signed"),
        (("anna",), TYPE, "has 1 of the 2 signatures needed"),
        (("anna", "anna"), TYPE, "has 1 of the 2 signatures needed"),
        (("anna", "ben"), "application/x", "do not match the bundle"),
    ],
)
def test_each_refusal_has_its_own_line(by: tuple[str, ...], kind: str, why: str) -> None:
    plain = parse_trust(trust("anna", "ben", threshold=2).payload)
    data = index()
    with pytest.raises(RefusedError, match=why) as caught:
        bundle_by_signatures(copies((data, signed(data, *by, kind=kind))), plain)
    assert caught.value.hint
    assert caught.value.exit_code == 4


def test_of_two_bundles_the_newest_that_is_signed_counts() -> None:
    plain = parse_trust(trust("anna").payload)
    old, new, newest = index(1), index(2), index(3)
    held = copies((new, signed(new, "anna")), (old, signed(old, "anna")), (newest, []))
    assert bundle_by_signatures(held, plain) == hashlib.sha256(new).hexdigest()


def test_signatures_of_several_copies_count_together() -> None:
    data = index()
    held = Copies(data, [document(signed(data, name)) for name in ("anna", "ben")])
    plain = parse_trust(trust("anna", "ben", threshold=2).payload)
    assert bundle_by_signatures({"x": held}, plain) == "x"


def test_a_digest_told_by_hand_names_its_index() -> None:
    held = copies((index(), []))
    (digest,) = held
    assert bundle_by_digest(held, f" {digest.upper()}\n") == digest
    with pytest.raises(RefusedError) as caught:
        bundle_by_digest(held, "\x1b[2J" + "0" * 64)
    assert digest in caught.value.hint
    assert caught.value.message.isprintable()


def test_no_index_at_all_is_something_missing() -> None:
    with pytest.raises(MissingInputError):
        bundle_by_digest({}, "0" * 64)
    with pytest.raises(MissingInputError):
        bundle_by_signatures({}, parse_trust(trust("anna").payload))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"signatures": 1}',
        b'{"signatures": [1]}',
        b'{"signatures": [{"keyid": 1, "sig": ""}]}',
        b'{"signatures": [], "signatures": []}',
    ],
)
def test_odd_signatures_are_none(data: bytes) -> None:
    assert parse_signatures(data) == []


KEY = {"name": "anna", "key": f"ed25519:{'A' * 43}="}
SOUND: dict[str, Any] = {"format": 1, "version": 1, "threshold": 1, "keys": [KEY]}


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"threshold": 0},
        {"threshold": 2},
        {"threshold": True},
        {"keys": []},
        {"keys": 1},
        {"keys": [1]},
        {"keys": ["name"]},
        {"keys": [KEY, KEY]},
        {"keys": [KEY | {"more": 1}]},
        {"keys": [KEY | {"key": 1}]},
        {"keys": [KEY | {"name": "a\nb"}]},
        {"more": 1},
    ],
)
def test_an_odd_trust_file_is_refused_here_and_by_the_tool(change: dict[str, Any]) -> None:
    data = json.dumps(SOUND | change).encode()
    assert parse_trust(json.dumps(SOUND).encode()).threshold == 1
    for parse in (parse_trust, lambda data: theirs(data, "it")):
        with pytest.raises(ColdforgeError) as caught:
            parse(data)
        assert caught.value.message.isprintable()


@pytest.mark.parametrize(("text", "name"), [(" anna\n", "anna"), ("\n", "sender")])
def test_one_public_key_is_a_trust_file(text: str, name: str) -> None:
    made = as_trust_file((KEY["key"] + text).encode())
    assert theirs(made, "it").keys[0].name == name
    assert len(parse_trust(made).keys) == 1


def test_a_trust_file_stays_what_it_is() -> None:
    data = json.dumps(SOUND).encode()
    assert as_trust_file(data) == data


@pytest.mark.parametrize(("size", "fits"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_a_trust_file_has_a_mebibyte_at_most(size: int, fits: bool) -> None:
    data = json.dumps(SOUND).encode().ljust(size)
    if fits:
        assert parse_trust(data).threshold == 1
    else:
        with pytest.raises(ColdforgeError, match="too large"):
            parse_trust(data)


def key(number: int) -> dict[str, str]:
    raw = base64.b64encode(number.to_bytes(32, "big")).decode()
    return {"name": f"key{number}", "key": f"ed25519:{raw}"}


TRUST_LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "keys": ({"keys": [key(n) for n in range(64)]}, {"keys": [key(n) for n in range(65)]}),
    "name": ({"keys": [KEY | {"name": "a" * 64}]}, {"keys": [KEY | {"name": "a" * 65}]}),
}


@pytest.mark.parametrize(("right", "wrong"), TRUST_LIMITS.values(), ids=TRUST_LIMITS)
def test_the_largest_trust_file_passes_and_a_larger_one_does_not(
    right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    assert parse_trust(json.dumps(SOUND | right).encode())
    with pytest.raises(ColdforgeError, match="malformed"):
        parse_trust(json.dumps(SOUND | wrong).encode())


def test_of_the_file_of_one_public_key_16_kilobytes_count() -> None:
    line = KEY["key"] + "anna".rjust((1 << 14) - len(KEY["key"]))
    assert len(line) == 1 << 14
    for rest in ("", " another"):
        made = json.loads(as_trust_file((line + rest).encode()))
        assert [one["name"] for one in made["keys"]] == ["anna"]


@pytest.mark.parametrize(("before", "counts"), [(255, True), (256, False)])
def test_of_many_signatures_the_first_256_are_looked_at(before: int, counts: bool) -> None:
    data = index()
    (right,) = signed(data, "anna")
    others = [(f"SHA256:{number}", "") for number in range(before)]
    found = signers(parse_trust(trust("anna").payload), data, [*others, (right.keyid, right.sig)])
    assert found == ({right.keyid} if counts else set())


@pytest.mark.parametrize(("size", "read"), [(1 << 20, 1), ((1 << 20) + 1, 0)])
def test_signatures_have_a_mebibyte_at_most(size: int, read: int) -> None:
    assert len(parse_signatures(document(signed(b"", "anna")).ljust(size))) == read
