import pytest

from coldforge.deploy.quorum import check_quorum
from coldforge.errors import ColdforgeError

TRUSTED = {"SHA256:a": "anna", "SHA256:b": "ben", "SHA256:c": "cleo"}


def test_enough_distinct_keys_pass() -> None:
    check_quorum("cpu", 2, {"SHA256:a", "SHA256:c"}, TRUSTED)
    check_quorum("cpu", 0, set(), TRUSTED)


def test_too_few_are_named_with_those_that_lack() -> None:
    with pytest.raises(ColdforgeError) as caught:
        check_quorum("cpu", 2, {"SHA256:b"}, TRUSTED)
    assert caught.value.message == (
        "the image of 'cpu' has 1 of the 2 attestations wanted"
        " (there: ben; trusted, but not there: anna, cleo)"
    )
    assert "image.attest --stack cpu" in caught.value.hint


def test_an_unknown_key_counts_for_nothing() -> None:
    with pytest.raises(ColdforgeError, match="has 1 of the 2"):
        check_quorum("cpu", 2, {"SHA256:a", "SHA256:x"}, TRUSTED)


def test_more_than_are_trusted_can_never_be() -> None:
    with pytest.raises(ColdforgeError) as caught:
        check_quorum("cpu", 4, set(TRUSTED), TRUSTED)
    assert "trusts 3 keys" in caught.value.hint
