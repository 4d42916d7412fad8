"""The README's quickstart runs once a session; the other tests check its results."""

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
    """Runs `./invokew` of a checkout as a user does."""

    root: Path
    env: Mapping[str, str]

    def run(self, *arguments: str, ok: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it; with `ok`, fail the test if it fails."""
        command = ["./invokew", *arguments]
        env = {**os.environ, "COLDFORGE_YES": "1", **self.env}
        env.pop("COLDFORGE_ROOT", None)
        done = subprocess.run(
            command, cwd=self.root, env=env, capture_output=True, text=True, check=False
        )
        assert not ok or done.returncode == 0, done.stderr[-3000:]
        return done

    def json(self, *arguments: str) -> Any:
        """Run it with --json and decode its output."""
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture(scope="session")
def cli() -> Cli:
    return Cli(Path(__file__).resolve().parents[2], {})


@pytest.fixture(scope="session")
def quickstart(cli: Cli) -> Any:
    """The JSON that `quickstart` printed."""
    return cli.json("quickstart")
