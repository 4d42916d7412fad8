import json
import math
from typing import Any

import pytest

from coldforge.engine.agreement.distance import Distance, next_tokens

np: Any = pytest.importorskip("numpy")


def test_two_sets_of_positions_become_one() -> None:
    one = Distance(1, max_abs=0.5, mean_abs=0.1, max_rel=3.0, top1=1.0, kl=0.2)
    two = Distance(3, max_abs=0.25, mean_abs=0.3, max_rel=4.0, top1=0.0, kl=0.6, within=False)
    both = sum((one, two), Distance())
    assert both == Distance(4, 0.5, pytest.approx(0.25), 4.0, 0.25, pytest.approx(0.5), False)


def test_a_logit_that_is_no_number_is_never_outweighed() -> None:
    bad, good = Distance(1, max_abs=math.nan, within=False), Distance(1, max_abs=9.0)
    for both in (bad + good, good + bad):
        assert math.isnan(both.max_abs)
        assert not both.within
        assert json.loads(json.dumps(both.json(), allow_nan=False))["max_abs"] is None


@pytest.mark.model
def test_next_tokens_are_compared_as_distributions() -> None:
    pytest.importorskip("torch")
    half, most = math.log(0.5), math.log(0.75)
    source = np.array([[half, half], [most, math.log(0.25)]] * 20, dtype=np.float32)
    other = np.array([[half, half], [half, half + 1e-6]] * 20, dtype=np.float32)
    agreeing, divergence = next_tokens(source, other)
    assert agreeing == 0.5
    assert divergence == pytest.approx((0.75 * math.log(1.5) + 0.25 * math.log(0.5)) / 2, abs=1e-6)
    assert next_tokens(source, source + 7) == (1.0, pytest.approx(0, abs=1e-7))
