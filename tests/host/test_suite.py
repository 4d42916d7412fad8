from pathlib import Path

from coldforge.host.suite import count, run_suite

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite tests="9" failures="2" errors="1" skipped="3"/></testsuites>
"""


def test_the_count_tells_what_ran_from_what_was_skipped(tmp_path: Path) -> None:
    (tmp_path / "tests.xml").write_text(REPORT, "utf-8")
    assert count(tmp_path / "tests.xml") == "6 tests ran: 3 passed, 3 failed; 3 skipped"


def test_a_run_that_left_no_report_is_not_called_green(tmp_path: Path) -> None:
    assert count(tmp_path / "none.xml") == "no tests ran"


def test_a_failing_suite_fails_and_is_counted(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(
        "def test_right(): pass\ndef test_wrong(): assert False\n", "utf-8"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n", "utf-8")
    assert run_suite(tmp_path, "", False) == (1, "2 tests ran: 1 passed, 1 failed; 0 skipped")
    assert run_suite(tmp_path, "right", False)[0] == 0
