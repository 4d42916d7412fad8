import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.report.page.formatting import NOTHING, form, near
from coldforge.report.page.model import Value


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "bytes", NOTHING),
        (True, "text", "yes"),
        ("int4", "bytes", "int4"),
        (6_217_032, "bytes", "6.2 MB"),
        (17.9 * 2**30, "memory", "17.9 GiB"),
        (100, "memory", "100 B"),
        (3 * 2**30, "room", "fits, 3.0 GiB free"),
        (-42 * 2**30, "room", "needs 42.0 GiB more"),
        (0.0253, "seconds", "25.3 ms"),
        (10.8, "seconds", "10.8 s"),
        (4000, "seconds", "1 h 07 min"),
        (11_837.2, "ms", "11,837"),
        (2.314, "times", "2.31×"),  # noqa: RUF001
        (0.7378, "share", "73.78 %"),
        (0.0077, "change", "+0.77 %"),
        (-0.4712, "change", "−47.1 %"),  # noqa: RUF001
        (-0.006, "points", "−0.60 points"),  # noqa: RUF001
        (4.96e-6, "nats", "4.96·10⁻⁶"),
        (0.00126, "nats", "0.00126"),
        (0, "nats", "0"),
        (4.2486, "bits", "4.249"),
        (164, "count", "164"),
    ],
)
def test_a_value_is_written_as_its_kind_is(value: Value, kind: str, text: str) -> None:
    assert form(value, kind) == text


@given(st.floats(min_value=1e-4, max_value=1e9))
def test_three_digits_are_kept(value: float) -> None:
    assert float(near(value).replace(",", "")) == pytest.approx(value, rel=0.0051)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["ms", "memory", "room"]))
def test_every_finite_number_can_be_written(value: float, kind: str) -> None:
    assert form(value, kind)
