"""Build a release's wheel with the release's own script: no network, one fixed path.

Argument: JSON with `command` (the script and its arguments) and `out` (the wheel's folder).
Inputs: /coldforge/in/source/* (a tar), /coldforge/in/large/<path in the tree>,
/coldforge/in/wheels/*.whl (the build requirements). Output: /coldforge/out/<wheel>.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

INPUTS = Path("/coldforge/in")
ENVIRONMENT = Path("/coldforge/env")
SOURCE = Path("/coldforge/src")
OUT = Path("/coldforge/out")


def main() -> None:
    """Lay the tree out, disarm what would fetch, run the script, keep its wheel."""
    order = json.loads(sys.argv[1])
    for folder in (ENVIRONMENT, SOURCE, OUT):
        folder.mkdir(parents=True)
    lay_out()
    os.environ.update(environment())
    ccache("--zero-stats")
    os.chdir(SOURCE)
    print("+", *order["command"], flush=True)
    if subprocess.run(order["command"], check=False).returncode:
        raise SystemExit("the release's script failed")
    ccache("--show-stats")
    for wheel in (SOURCE / order["out"]).glob("*.whl"):
        shutil.copy(wheel, OUT)


def lay_out() -> None:
    """Unpack the requirements and the source, and put each large file over its pointer."""
    for wheel in sorted((INPUTS / "wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(ENVIRONMENT)
    (tar,) = (INPUTS / "source").iterdir()
    unpack = ["tar", "--extract", "--no-same-owner", f"--file={tar}", f"--directory={SOURCE}"]
    subprocess.run(unpack, check=True)
    large = INPUTS / "large"
    for file in sorted(path for path in large.rglob("*") if path.is_file()):
        shutil.copyfile(file, SOURCE / file.relative_to(large))


def environment() -> dict[str, str]:
    """Let pip find what is needed here and nothing elsewhere, and the script what it calls."""
    return {
        "PYTHONPATH": str(ENVIRONMENT),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(INPUTS / "wheels"),
        "PIP_BREAK_SYSTEM_PACKAGES": "1",  # Debian's Python is this container's alone
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
    }


def ccache(flag: str) -> None:
    """Let the compiler cache count this build alone, or say what it spared."""
    if os.environ.get("CCACHE_DIR"):
        subprocess.run(["ccache", flag], check=True)


if __name__ == "__main__":
    main()
