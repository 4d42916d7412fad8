import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.mirror.http.auth import _may_send_password, parse_challenge

REALM = 'Bearer realm="https://example.org/token",service="s",scope="repository:a/b:pull,push"'


def test_a_bearer_challenge_is_read_with_commas_in_its_values() -> None:
    assert parse_challenge([REALM]) == (
        "bearer",
        {
            "realm": "https://example.org/token",
            "service": "s",
            "scope": "repository:a/b:pull,push",
        },
    )


def test_bearer_is_preferred_and_basic_taken() -> None:
    assert parse_challenge(['Basic realm="x"', REALM])[0] == "bearer"
    assert parse_challenge(['Basic realm="x"', 'Negotiate a="b"']) == ("basic", {"realm": "x"})
    assert parse_challenge(['Negotiate a="b"']) == ("", {})


@given(st.lists(st.text()))
def test_no_header_breaks_it(headers: list[str]) -> None:
    scheme, _ = parse_challenge(headers)
    assert scheme in ("", "basic", "bearer")


@pytest.mark.parametrize(
    ("realm", "url", "fit"),
    [
        ("https://example.org/t", "https://example.org/v2/", True),
        ("http://example.org/t", "https://example.org/v2/", False),
        ("http://127.0.0.1/t", "http://127.0.0.1/v2/", True),
        ("", "https://example.org/v2/", False),
    ],
)
def test_a_password_goes_over_tls_where_the_registry_has_it(
    realm: str, url: str, fit: bool
) -> None:
    assert _may_send_password(realm, httpx.URL(url)) is fit
