import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coldforge.host.suite import NO_TESTS, count, run_suite

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite tests="9" failures="2" errors="1" skipped="3"/></testsuites>
"""
CONFIG = "[pytest]\nmarkers =\n  engine\n  network\n  model\n"
TESTS = """
import os
import pytest

WORKER = "PYTEST_XDIST_WORKER"

def test_right(): assert WORKER in os.environ

@pytest.mark.engine
def test_container(): assert WORKER not in os.environ
"""
WRONG = "def test_wrong(): assert False\n"
WRONG_MODEL = "import pytest\n@pytest.mark.model\ndef test_wrong_model(): assert False\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of two tests; this suite itself may run in a worker."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setenv("PYTEST_XDIST_AUTO_NUM_WORKERS", "1")
    (tmp_path / "pytest.ini").write_text(CONFIG, "utf-8")
    (tmp_path / "test_two.py").write_text(TESTS, "utf-8")
    return tmp_path


def test_the_count_tells_what_ran_from_what_was_skipped(tmp_path: Path) -> None:
    (tmp_path / "tests.xml").write_text(REPORT, "utf-8")
    assert count(tmp_path / "tests.xml") == "6 tests ran: 3 passed, 3 failed; 3 skipped"


def test_the_counts_of_several_reports_are_added(tmp_path: Path) -> None:
    (tmp_path / "one.xml").write_text(REPORT, "utf-8")
    (tmp_path / "two.xml").write_text(REPORT.replace('"9"', '"10"'), "utf-8")
    paths = (tmp_path / f"{name}.xml" for name in ("one", "none", "two"))
    assert count(*paths) == "13 tests ran: 7 passed, 6 failed; 6 skipped"


def test_a_run_that_left_no_report_is_not_called_green(tmp_path: Path) -> None:
    assert count(tmp_path / "none.xml") == "no tests ran"


def test_what_needs_an_engine_runs_alone_and_the_rest_in_parallel(root: Path) -> None:
    assert run_suite(root, "", False) == (0, "2 tests ran: 2 passed, 0 failed; 0 skipped")


def test_quick_runs_the_parallel_part(root: Path) -> None:
    assert run_suite(root, "", True) == (0, "1 tests ran: 1 passed, 0 failed; 0 skipped")


@pytest.mark.parametrize(
    ("only", "status", "ran"),
    [
        ("right", 0, "1 tests ran: 1 passed, 0 failed; 0 skipped"),
        ("container", 0, "1 tests ran: 1 passed, 0 failed; 0 skipped"),
        ("nothing", NO_TESTS, "0 tests ran: 0 passed, 0 failed; 0 skipped"),
    ],
)
def test_only_picks_from_both_parts(root: Path, only: str, status: int, ran: str) -> None:
    assert run_suite(root, only, False) == (status, ran)


@pytest.mark.parametrize("wrong", [WRONG, WRONG_MODEL])
def test_a_failure_in_either_part_fails_the_suite_and_both_are_counted(
    root: Path, wrong: str
) -> None:
    (root / "test_wrong.py").write_text(wrong, "utf-8")
    assert run_suite(root, "", False) == (1, "3 tests ran: 2 passed, 1 failed; 0 skipped")


SLOW = """
import time, pathlib
def test_slow():
    pathlib.Path("begun").touch()
    time.sleep(60)
"""
SUITE = """
import pathlib, signal, sys
from coldforge.host.suite import run_suite
signal.signal(signal.SIGINT, signal.default_int_handler)
run_suite(pathlib.Path(sys.argv[1]), "", False)
"""


def test_ctrl_c_stops_both_parts(root: Path) -> None:
    """A terminal sends the signal to every process of the group."""
    (root / "test_slow.py").write_text(SLOW, "utf-8")
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", SUITE, str(root)]
    with subprocess.Popen(
        command, env=env, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        while not (root / "begun").exists():
            assert process.poll() is None
            time.sleep(0.05)
        started = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        shown, _ = process.communicate(timeout=30)
    assert time.monotonic() - started < 25
    assert process.returncode
    assert shown.count(b"test session starts") == 1
    assert ended(process.pid)


def ended(group: int) -> bool:
    """Tell whether every process of a group ends within some seconds."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
