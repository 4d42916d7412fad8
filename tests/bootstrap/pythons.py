"""The Pythons of this machine that a closed host might have."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


@cache
def python(version: str) -> str:
    """Find a Python of a version on the path, or where pyenv keeps them; empty if there is none."""
    kept = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python"))
    for command in (shutil.which(f"python{version}"), *map(str, kept)):
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        if command:
            asked = [command, "-c", code]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
            if done.stdout.strip() == version:
                return command
    return ""
