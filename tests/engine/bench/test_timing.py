import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.bench.timing import (
    base_of,
    gaps,
    speeds,
    speedups,
    summarise,
    tpot,
)

MOMENTS = st.lists(st.floats(1e-4, 10), min_size=1, max_size=30).map(
    lambda waits: [math.fsum(waits[: at + 1]) for at in range(len(waits))]
)
REQUESTS = st.lists(MOMENTS, min_size=1, max_size=8)


def test_a_request_worked_by_hand() -> None:
    found = speeds([[0.5, 0.6, 0.8]], batch_size=2)
    assert found["ttft_ms"]["p50"] == pytest.approx(500)
    assert found["tpot_ms"]["p50"] == pytest.approx(150)
    assert found["itl_ms"]["mean"] == pytest.approx(150)
    assert found["itl_ms"]["p50"] == pytest.approx(150)
    assert found["e2e_ms"]["p99"] == pytest.approx(800)
    assert found["output_tokens_per_s"] == pytest.approx(2 * 3 / 0.8)


def test_percentiles_are_interpolated_between_ranks() -> None:
    found = summarise([value / 1000 for value in range(101)])
    wanted = {"mean": 50, "p50": 50, "p90": 90, "p95": 95, "p99": 99}
    assert found == pytest.approx(wanted)
    assert summarise([0.001, 0.002]) == pytest.approx(
        {"mean": 1.5, "p50": 1.5, "p90": 1.9, "p95": 1.95, "p99": 1.99}
    )


def test_one_token_has_no_time_per_further_token() -> None:
    found = speeds([[0.25]], batch_size=1)
    assert found["tpot_ms"] is None
    assert found["itl_ms"] is None
    assert found["output_tokens_per_s"] == pytest.approx(4)


@given(MOMENTS)
def test_first_and_further_tokens_make_up_the_whole(at: list[float]) -> None:
    wait = tpot(at)
    if wait is not None:
        assert at[0] + wait * (len(at) - 1) == pytest.approx(at[-1])
        assert math.fsum(gaps(at)) == pytest.approx(at[-1] - at[0])


@given(REQUESTS, st.integers(1, 4))
def test_summaries_are_ordered_and_within_what_was_measured(
    requests: list[list[float]], size: int
) -> None:
    found = speeds(requests, size)
    for name in ("ttft_ms", "e2e_ms", "itl_ms", "tpot_ms"):
        if one := found[name]:
            assert one["p50"] <= one["p90"] <= one["p95"] <= one["p99"]
    assert found["ttft_ms"]["p99"] <= 1000 * max(at[0] for at in requests) * (1 + 1e-9)
    assert found["output_tokens_per_s"] > 0


@given(st.lists(st.floats(0.1, 1e4), min_size=1, max_size=5), st.data())
def test_the_base_is_compared_with_nothing(paces: list[float], data: st.DataObject) -> None:
    base = data.draw(st.integers(0, len(paces) - 1))
    found = speedups(paces, base)
    assert found[base] is None
    for pace, one in zip(paces, found, strict=True):
        assert one is None or one * paces[base] == pytest.approx(pace)


@pytest.mark.parametrize(
    ("names", "base"), [(["int4", "fp32", "fp16"], 1), (["int4", "int8"], 0), (["bf16"], 0)]
)
def test_the_first_unquantised_engine_is_the_base(names: list[str], base: int) -> None:
    assert base_of([{"precision": name} for name in names]) == base
