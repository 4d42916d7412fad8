"""Run the test suite of a checkout, and count what ran."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

QUICK = "not engine and not network and not model"
COUNTS = ("failures", "errors", "skipped")


def run_suite(root: Path, only: str, quick: bool) -> tuple[int, str]:
    """Run pytest in `root`; return its exit status and a line that says how many tests ran."""
    build = root / "build"
    report = build / "tests.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", f"--junit-xml={report}"]
    command += ["-o", f"cache_dir={build / 'cache' / 'pytest'}"]
    command += ["-m", QUICK] if quick else []
    command += ["-k", only] if only else []
    environ = os.environ | {"COLDFORGE_ROOT": str(root)}
    status = subprocess.run(command, cwd=root, env=environ, check=False).returncode
    return status, count(report)


def count(report: Path) -> str:
    """Say how many tests ran, from a JUnit report that pytest wrote."""
    try:
        suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 - ours
    except (OSError, ElementTree.ParseError):
        return "no tests ran"
    total = _sum(suites, "tests")
    failures, errors, skipped = (_sum(suites, key) for key in COUNTS)
    passed = total - failures - errors - skipped
    line = f"{total - skipped} tests ran: {passed} passed, {failures + errors} failed"
    return f"{line}; {skipped} skipped"


def _sum(suites: list[ElementTree.Element], key: str) -> int:
    return sum(int(suite.get(key, "0")) for suite in suites)
