from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.trust.envelope import Signature, sign
from coldforge.trust.keys import Key
from coldforge.trust.trust import (
    Trust,
    admit,
    check,
    parse_trust,
    read_trust,
    signers,
    write_trust,
)
from tests.trust.conftest import NAMES, People

KIND = "application/x"
PAYLOAD = b"the payload"


def signed(people: People, *names: str, payload: bytes = PAYLOAD) -> list[Signature]:
    return [sign(KIND, payload, people.private[name]) for name in names]


@given(
    known=some.lists(some.sampled_from(NAMES), min_size=1, unique=True),
    by=some.lists(some.sampled_from(NAMES), max_size=8),
    data=some.data(),
)
def test_it_passes_exactly_when_enough_distinct_trusted_keys_signed(
    people: People, known: list[str], by: list[str], data: some.DataObject
) -> None:
    trust = people.trust(data.draw(some.integers(1, len(known))), *known)
    expected = {people.key(name).fingerprint for name in set(by) & set(known)}
    signatures = signed(people, *by)
    assert signers(trust, KIND, PAYLOAD, signatures) == expected
    if len(expected) >= trust.threshold:
        assert check(trust, KIND, PAYLOAD, signatures) == expected
    else:
        with pytest.raises(ColdforgeError):
            check(trust, KIND, PAYLOAD, signatures)


@pytest.mark.parametrize(("before", "counts"), [(255, True), (256, False)])
def test_of_many_signatures_the_first_256_count(people: People, before: int, counts: bool) -> None:
    (good,) = signed(people, "anna")
    others = [Signature(f"SHA256:{number}", good.sig) for number in range(before)]
    found = signers(people.trust(1, "anna"), KIND, PAYLOAD, [*others, good])
    assert found == ({good.keyid} if counts else set())


def test_one_key_signing_twice_counts_once(people: People) -> None:
    trust = people.trust(2, "anna", "ben")
    with pytest.raises(ColdforgeError, match="1 of the 2 signatures"):
        check(trust, KIND, PAYLOAD, signed(people, "anna", "anna"))


def test_a_signature_under_anothers_name_counts_for_nobody(people: People) -> None:
    (made,) = signed(people, "cleo")
    lie = Signature(people.key("anna").fingerprint, made.sig)
    assert signers(people.trust(1, "anna"), KIND, PAYLOAD, [lie]) == set()


def test_junk_under_a_good_name_does_not_hide_the_good_signature(people: People) -> None:
    (good,) = signed(people, "anna")
    junk = Signature(good.keyid, "AAAA")
    trust = people.trust(1, "anna")
    assert check(trust, KIND, PAYLOAD, [junk, good]) == check(trust, KIND, PAYLOAD, [good, junk])


@pytest.mark.parametrize(
    ("by", "payload", "why"),
    [
        ((), PAYLOAD, "^the index is not signed$"),
        (("cleo",), PAYLOAD, "signed by no key trusted here, but by SHA256:"),
        (("anna",), b"other", "does not match the signature of anna: one was changed"),
        (("anna",), PAYLOAD, "has 1 of the 2 signatures needed here"),
    ],
)
def test_each_refusal_has_its_own_line(
    people: People, by: tuple[str, ...], payload: bytes, why: str
) -> None:
    trust = people.trust(2, "anna", "ben")
    with pytest.raises(ColdforgeError, match=why) as caught:
        check(trust, KIND, PAYLOAD, signed(people, *by, payload=payload), "the index")
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_key_id_cannot_write_on_the_terminal(people: People) -> None:
    with pytest.raises(ColdforgeError) as caught:
        check(people.trust(1, "anna"), KIND, PAYLOAD, [Signature("\x1b[2J\n", "")])
    assert caught.value.message.isprintable()


def test_a_trust_file_is_written_and_read_back(people: People, tmp_path: Path) -> None:
    trust = people.trust(2, "anna", "ben")
    write_trust(tmp_path / "site" / "trust.json", trust)
    assert read_trust(tmp_path / "site" / "trust.json") == trust
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["trust.json"]


def test_a_site_without_a_trust_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError) as caught:
        read_trust(tmp_path / "trust.json")
    assert "key.trust --key" in caught.value.hint


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": 2}, "format 2"),
        ({"version": 0}, "malformed"),
        ({"threshold": 0}, "malformed"),
        ({"threshold": 3}, "3 signatures of 2 keys"),
        ({"keys": []}, "1 signatures of 0 keys"),
        ({"threshold": True}, "malformed"),
        ({"more": 1}, "unknown field"),
        ({"keys": [{"name": "a\n", "key": "ed25519:"}]}, "names no key"),
        ({"keys": [{"name": "a", "key": "ed25519:"}]}, "not a public key"),
    ],
)
def test_a_trust_document_that_makes_no_sense_is_refused(
    people: People, change: dict[str, object], why: str
) -> None:
    value = msgspec.to_builtins(people.trust(1, "anna", "ben")) | change
    with pytest.raises(ColdforgeError, match=why):
        parse_trust(msgspec.json.encode(value), "it")


@pytest.mark.parametrize("other", ["anna", "zoe"])
def test_a_key_listed_twice_is_refused(people: People, other: str) -> None:
    anna, ben = people.key("anna"), people.key("ben")
    second = Key(other, ben.key if other == "anna" else anna.key)
    with pytest.raises(ColdforgeError, match="twice"):
        parse_trust(Trust(1, 1, 1, [anna, second]).payload, "it")


def test_keys_are_admitted_one_after_another(people: People, tmp_path: Path) -> None:
    place = tmp_path / "trust.json"
    assert admit(place, [people.key("anna")]) == people.trust(1, "anna")
    admit(place, [people.key("ben"), people.key("anna")], 2)
    assert read_trust(place) == people.trust(2, "anna", "ben")


def test_a_threshold_nobody_can_reach_changes_nothing(people: People, tmp_path: Path) -> None:
    place = tmp_path / "trust.json"
    admit(place, [people.key("anna")])
    with pytest.raises(ColdforgeError, match="2 signatures of 1 keys"):
        admit(place, [], 2)
    assert read_trust(place) == people.trust(1, "anna")
