import shutil
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.evaluate.compare import run_compare
from coldforge.evaluate.workers.worker import start_workers

pytestmark = pytest.mark.model


def test_both_sides_are_timed_and_weighed(demo: Path, int4: Path) -> None:
    found = run_compare(str(demo), str(int4), max_new_tokens=4, repeats=2)
    for side in (found["original"], found["quantised"]):
        for name in ("load_seconds", "first_token_seconds", "token_seconds"):
            assert 0 < side[name]["p10"] <= side[name]["median"] <= side[name]["p90"]
        assert side["peak_rss_bytes"] > side["libraries_rss_bytes"] > 0
        assert side["text"]
    assert found["quantised"]["disk_bytes"] < found["original"]["disk_bytes"]
    assert found["quantised"]["bits_per_weight"] < 5
    assert 0 <= found["equal_tokens"] <= 4
    assert found["flow"].startswith("load ")
    assert "quantise (gptq, int4" in found["flow"]


def test_what_a_side_refuses_is_refused_here(demo: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(demo, torn)
    (torn / "tokenizer.json").write_text("{", "utf-8")
    with (
        start_workers(torn) as (side,),
        pytest.raises(ColdforgeError, match=r"tokenizer of .*torn cannot be read"),
    ):
        side.ask("facts")


def test_a_side_that_is_killed_is_said_to_be(demo: Path) -> None:
    with start_workers(demo) as (side,):
        side.process.kill()
        with pytest.raises(ColdforgeError, match="was killed by signal 9"):
            side.ask("facts")


def test_a_missing_model_and_nothing_to_time_are_refused(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="no such model directory"):
        run_compare(str(demo), str(tmp_path / "missing"))
    with pytest.raises(ColdforgeError, match="nothing to time"):
        run_compare(str(demo), str(demo), max_new_tokens=1)
