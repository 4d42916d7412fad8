import json
import os
from pathlib import Path

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.experiments.survey.subprocess import run_in_subprocess


def test_work_returns_its_result_its_time_and_its_memory() -> None:
    done = run_in_subprocess(json.loads, '{"a": 1}')
    assert done.value == {"a": 1}
    assert done.seconds >= 0
    assert done.peak_rss_bytes > 1 << 20


def test_each_work_has_a_process_of_its_own() -> None:
    numbers = {os.getpid(), *(run_in_subprocess(os.getpid).value for _ in range(2))}  # type: ignore[arg-type]
    assert len(numbers) == 3


def test_an_error_for_people_arrives_as_it_was_raised(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="no such model directory") as caught:
        run_in_subprocess(read_checkpoint, tmp_path / "none")  # type: ignore[arg-type]
    assert caught.value.hint.startswith("run: invoke model.demo")


def test_an_unforeseen_error_is_named() -> None:
    with pytest.raises(ColdforgeError, match="JSONDecodeError: Expecting"):
        run_in_subprocess(json.loads, "{")


def test_a_dead_process_is_told_from_a_killed_one() -> None:
    with pytest.raises(ColdforgeError, match="its process ended with status 3"):
        run_in_subprocess(os._exit, 3)
    with pytest.raises(ColdforgeError, match="its process was killed by signal 6"):
        run_in_subprocess(os.abort)
