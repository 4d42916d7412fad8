import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.bundle.format.volume import parse_share, parse_size
from coldforge.errors import ColdforgeError


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 0), ("4G", 4 * 10**9), ("4GB", 4 * 10**9), ("1GiB", 2**30), ("1.5 M", 1_500_000)],
)
def test_a_size_is_read_as_people_write_it(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_four_decimal_gigabytes_fit_the_largest_file_of_a_fat_stick() -> None:
    assert parse_size("4G") < 2**32


@pytest.mark.parametrize("text", ["4X", "-1G", "G", "4iB", "1e9", "10k", "0"])
def test_what_is_no_size_of_a_volume_is_refused(text: str) -> None:
    with pytest.raises(ColdforgeError, match=r"size|too small"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "share"), [("", 0), ("10%", 0.1), ("0.1", 0.1), ("100 %", 1), ("0", 0)]
)
def test_a_share_is_read_as_people_write_it(text: str, share: float) -> None:
    assert parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["101%", "10", "ten", "%", "-1%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(ColdforgeError, match="is not a share"):
        parse_share(text)


@given(st.text(max_size=20))
def test_no_text_ends_in_anything_but_a_number_or_a_refusal(text: str) -> None:
    for read in (parse_size, parse_share):
        try:
            assert read(text) >= 0
        except ColdforgeError as error:
            assert error.hint


def test_a_volume_has_a_megabyte_at_least() -> None:
    assert parse_size("1M") == parse_size("1000k") == 1_000_000
    with pytest.raises(ColdforgeError, match="too small"):
        parse_size("999.999k")
