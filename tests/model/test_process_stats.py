import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.model import process_stats
from coldforge.model.process_stats import Spread, peak_rss, rss, spread

TAKE = """
from coldforge.model.process_stats import peak_rss, rss
before = peak_rss()
taken = bytearray(b"x") * 50_000_000
del taken
print(before, peak_rss(), rss())
"""


def test_the_peak_outlives_what_was_freed_and_is_not_the_parents() -> None:
    ballast = bytearray(b"x") * 200_000_000  # a parent larger than its child will ever be
    done = subprocess.run(
        [sys.executable, "-c", TAKE], capture_output=True, text=True, check=True, env=_path()
    )
    before, peak, now = map(int, done.stdout.split())
    assert len(ballast) > peak >= before + 45_000_000
    assert now < peak


def _path() -> dict[str, str]:
    import os
    from pathlib import Path

    return {**os.environ, "PYTHONPATH": str(Path(process_stats.__file__).parents[2])}


def test_without_proc_the_systems_own_maximum_serves(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    from pathlib import Path

    monkeypatch.setattr(process_stats, "STATUS", Path(str(tmp_path)) / "missing")
    assert rss() == peak_rss() > 1_000_000


def test_the_spread_of_eleven_timings() -> None:
    assert spread([*range(11)]) == Spread(5, 1, 9)
    assert spread([2.0]) == Spread(2.0, 2.0, 2.0)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_a_spread_is_ordered_and_within_what_was_timed(timings: list[float]) -> None:
    found = spread(timings)
    assert min(timings) <= found.p10 <= found.median <= found.p90 <= max(timings)
