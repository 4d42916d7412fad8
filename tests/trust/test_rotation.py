import itertools
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.errors import ColdforgeError
from coldforge.trust.envelope import Envelope, seal, sign
from coldforge.trust.keys import make_key, read_public
from coldforge.trust.rotation import (
    PAYLOAD_TYPE,
    KeyChange,
    follow,
    missing_signatures,
    remembered,
    rotate,
    succeed,
)
from coldforge.trust.trust import Trust, admit, read_trust
from tests.trust.conftest import NAMES, People


def envelope(people: People, new: Trust, *by: str, kind: str = PAYLOAD_TYPE) -> Envelope:
    made = [sign(kind, new.payload, people.private[name]) for name in by]
    return seal(kind, new.payload, made)


@given(some.sets(some.sampled_from(NAMES)))
def test_both_the_old_and_the_new_keys_must_sign(people: People, by: set[str]) -> None:
    old = people.trust(2, "anna", "ben", "cleo")
    new = people.trust(2, "ben", "cleo", "dora", version=2)
    enough = len(by & {"anna", "ben", "cleo"}) >= 2 and len(by & {"ben", "cleo", "dora"}) >= 2
    try:
        got = succeed(old, [envelope(people, new, *by)])
    except ColdforgeError:
        got = old
    assert got == (new if enough else old)


def test_a_chain_is_followed_in_any_order(people: People) -> None:
    trusts = [people.trust(1, name, version=n) for n, name in enumerate(NAMES, 1)]
    steps = [
        envelope(people, new, *(key.name for key in (*old.keys, *new.keys)))
        for old, new in itertools.pairwise(trusts)
    ]
    for order in itertools.permutations(steps):
        assert succeed(trusts[0], order) == trusts[-1]


def test_an_older_document_is_passed_over(people: People) -> None:
    now = people.trust(1, "anna", version=3)
    old = envelope(people, people.trust(1, "ben", version=3), "anna", "ben")
    older = envelope(people, people.trust(1, "ben", version=2), "anna", "ben")
    assert succeed(now, [old, older]) == now


def test_a_gap_in_the_chain_is_not_jumped(people: People) -> None:
    now = people.trust(1, "anna")
    assert succeed(now, [envelope(people, people.trust(1, "anna", version=3), "anna")]) == now


def test_somebody_elses_chain_gains_nothing(people: People) -> None:
    now = people.trust(1, "anna")
    assert succeed(now, [envelope(people, people.trust(1, "dora", version=2), "dora")]) == now


def test_too_few_of_the_old_keys_are_refused_by_name(people: People) -> None:
    now = people.trust(2, "anna", "ben")
    with pytest.raises(ColdforgeError, match="trust document 2 has 1 of the 2"):
        succeed(now, [envelope(people, people.trust(1, "anna", version=2), "anna")])


def test_a_signature_of_another_type_is_none(people: People) -> None:
    now, new = people.trust(1, "anna"), people.trust(1, "anna", version=2)
    made = sign("application/vnd.coldforge.bundle+json", new.payload, people.private["anna"])
    assert succeed(now, [seal(PAYLOAD_TYPE, new.payload, [made])]) == now
    with pytest.raises(ColdforgeError, match="a trust document is expected"):
        succeed(now, [envelope(people, new, "anna", kind="application/x")])


def test_signatures_of_two_copies_are_taken_together(people: People) -> None:
    now, new = people.trust(2, "anna", "ben"), people.trust(1, "anna", version=2)
    assert succeed(now, [envelope(people, new, "anna"), envelope(people, new, "ben")]) == new


def test_a_document_that_is_not_canonical_is_refused(people: People) -> None:
    new = people.trust(1, "anna", version=2)
    payload = msgspec.json.format(new.payload)
    made = seal(PAYLOAD_TYPE, payload, [sign(PAYLOAD_TYPE, payload, people.private["anna"])])
    with pytest.raises(ColdforgeError, match="canonical"):
        succeed(people.trust(1, "anna"), [made])


class Site:
    """A folder of key files, and a trust file."""

    def __init__(self, root: Path) -> None:
        self.root, self.trust, self.out = root, root / "trust.json", root / "rotation.json"
        for name in NAMES:
            make_key(root / name)
        admit(self.trust, [read_public(root / "anna"), read_public(root / "ben")], 2)

    def rotate(
        self, *by: str, add: str = "", remove: str = "", threshold: int = 0
    ) -> tuple[int, int]:
        keys = [read_public(self.root / name) for name in add.split()]
        change = KeyChange(keys, remove.split(), threshold)
        made = rotate(self.trust, self.out, change, [self.root / name for name in by])
        return missing_signatures(read_trust(self.trust), made)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_people_sign_one_after_another(site: Site) -> None:
    assert site.rotate("anna", add="cleo", remove="ben") == (1, 1)
    assert site.rotate("cleo") == (1, 0)
    with pytest.raises(ColdforgeError, match="has 1 of the 2"):
        follow(site.trust, site.out)
    assert site.rotate("ben") == (0, 0)
    follow(site.trust, site.out)
    assert [key.name for key in read_trust(site.trust).keys] == ["anna", "cleo"]


def test_a_rotation_that_was_followed_is_kept_for_others_to_follow(site: Site) -> None:
    before = read_trust(site.trust)
    site.rotate("anna", "ben", threshold=1)
    follow(site.trust, site.out)
    assert succeed(before, remembered(site.trust)) == read_trust(site.trust)


def test_the_same_rotation_is_not_taken_twice(site: Site) -> None:
    site.rotate("anna", "ben", threshold=1)
    follow(site.trust, site.out)
    with pytest.raises(ColdforgeError, match="does not follow version 2"):
        follow(site.trust, site.out)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "changes nothing"),
        ({"remove": "zoe"}, "trusts no key named 'zoe'"),
        ({"add": "anna"}, "lists anna twice"),
        ({"remove": "ben"}, "2 signatures of 1 keys"),
    ],
)
def test_a_rotation_that_makes_no_sense_is_not_written(
    site: Site, given: dict[str, str], why: str
) -> None:
    with pytest.raises(ColdforgeError, match=why):
        site.rotate("anna", **given)  # type: ignore[arg-type]
    assert not site.out.exists()


def test_a_strangers_signature_is_refused(site: Site) -> None:
    with pytest.raises(ColdforgeError, match="neither an old nor a new key"):
        site.rotate("dora", threshold=1)


def test_another_change_does_not_slip_into_a_standing_proposal(site: Site) -> None:
    site.rotate("anna", add="cleo")
    with pytest.raises(ColdforgeError, match="proposes something else"):
        site.rotate("ben", add="dora")
