import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.evaluate.intervals import MeanEstimate, mean, student

TABLE = {1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 9: 2.2622, 30: 2.0423, 1000: 1.9623}


@pytest.mark.parametrize("freedom", TABLE)
def test_students_t_is_what_tables_print(freedom: int) -> None:
    assert student(freedom) == pytest.approx(TABLE[freedom], abs=6e-5)


def test_the_interval_covers_the_truth_nineteen_times_of_twenty() -> None:
    chance = random.Random(0)
    found = [mean([chance.gauss(3, 2) for _ in range(6)]) for _ in range(2000)]
    covered = sum(item.low <= 3 <= item.high for item in found if item.low and item.high)
    assert 0.94 < covered / len(found) < 0.96


def test_one_part_and_infinite_ones_have_no_interval() -> None:
    assert mean([2.0]) == MeanEstimate(2.0)
    assert mean([2.0, math.inf]).bounds is None


def test_a_share_stays_within_nought_and_one() -> None:
    assert mean([1.0, 0.9], 0.0, 1.0).high == 1.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_the_mean_lies_between_its_bounds_whatever_the_order(parts: list[float]) -> None:
    found = mean(parts)
    assert found.low is not None and found.high is not None
    assert found.low <= found.value <= found.high
    assert mean(sorted(parts)).value == found.value


def test_a_rising_function_carries_the_bounds_along() -> None:
    assert MeanEstimate(1.0, 0.0, 2.0).map(lambda x: 3 * x) == MeanEstimate(3.0, 0.0, 6.0)
    assert MeanEstimate(1.0).map(lambda x: 3 * x) == MeanEstimate(3.0)
