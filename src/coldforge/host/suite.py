"""Run the test suite of a checkout in two runs of pytest, and count what ran.

Tests that need nothing but Python run on every core; the others share a Docker Engine, the
network or a model, so they run one after another.
"""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

QUICK = "not engine and not network and not model"
PARALLEL = ["-n", "auto", "--dist", "loadfile"]
COUNTS = ("failures", "errors", "skipped")
INTERRUPTED, NO_TESTS = 2, 5  # pytest's exit statuses
LAST_SECONDS = 15  # seconds pytest may take to end after Ctrl-C


def run_suite(root: Path, only: str, quick: bool) -> tuple[int, str]:
    """Run pytest in `root`; return its exit status and a line that says how many tests ran.

    `only`: run the tests whose names match this expression. `quick`: leave the serial run out.
    The status is that of the first run that fails. An interrupted run is the last one.
    """
    build = root / "build"
    runs = {"parallel": ["-m", QUICK, *PARALLEL], "serial": ["-m", f"not ({QUICK})"]}
    if quick:
        del runs["serial"]
    reports = {name: build / f"tests.{name}.xml" for name in runs}
    for report in reports.values():
        report.unlink(missing_ok=True)
    statuses = []
    for name, marks in runs.items():
        cache = ["-o", f"cache_dir={build / 'cache' / 'pytest' / name}"]
        names = ["-k", only] if only else []
        statuses.append(_run(root, [f"--junit-xml={reports[name]}", *cache, *marks, *names]))
        if statuses[-1] == INTERRUPTED:
            break
    return _status(statuses), count(*reports.values())


def count(*reports: Path) -> str:
    """Say how many tests ran, from the JUnit reports that pytest wrote; absent ones count 0."""
    suites = [suite for report in reports for suite in _suites(report)]
    if not suites:
        return "no tests ran"
    total = _sum(suites, "tests")
    failures, errors, skipped = (_sum(suites, key) for key in COUNTS)
    passed = total - failures - errors - skipped
    line = f"{total - skipped} tests ran: {passed} passed, {failures + errors} failed"
    return f"{line}; {skipped} skipped"


def _run(root: Path, arguments: list[str]) -> int:
    """Run pytest to its end; on Ctrl-C let it end first, so that its fixtures clean up."""
    command = [sys.executable, "-m", "pytest", *arguments]
    with subprocess.Popen(
        command, cwd=root, env=os.environ | {"COLDFORGE_ROOT": str(root)}
    ) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            try:
                process.wait(LAST_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def _status(statuses: list[int]) -> int:
    """Choose the suite's status; a run without tests fails only if no other had one."""
    ran = [status for status in statuses if status != NO_TESTS]
    return next((status for status in ran if status), 0) if ran else NO_TESTS


def _suites(report: Path) -> list[ElementTree.Element]:
    try:
        return list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 - ours
    except (OSError, ElementTree.ParseError):
        return []


def _sum(suites: list[ElementTree.Element], key: str) -> int:
    return sum(int(suite.get(key, "0")) for suite in suites)
