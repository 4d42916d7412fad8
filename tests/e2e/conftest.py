"""The README's story runs once a session; what it left is what the other tests look at."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Cli:
    """`./invokew` of a checkout, as a user calls it."""

    root: Path
    env: Mapping[str, str]

    def run(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """Call it; with `ok`, a failure shows what was said."""
        command = ["./invokew", *arguments]
        env = {**os.environ, "COLDFORGE_YES": "1", **self.env}
        env.pop("COLDFORGE_ROOT", None)
        done = subprocess.run(
            command, cwd=self.root, env=env, capture_output=True, text=True, check=False
        )
        assert not ok or done.returncode == 0, done.stderr[-3000:]
        return done

    def json(self, *arguments: str) -> Any:
        """Call it with --json and read what it printed."""
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture(scope="session")
def cli() -> Cli:
    return Cli(Path(__file__).resolve().parents[2], {})


@pytest.fixture(scope="session")
def quickstart(cli: Cli) -> Any:
    """What `quickstart` printed for programs."""
    return cli.json("quickstart")
