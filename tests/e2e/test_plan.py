"""After a build the plan has nothing to do."""

from typing import Any

import pytest

from tests.e2e.conftest import Cli

pytestmark = [pytest.mark.engine, pytest.mark.network]


def test_after_a_build_every_step_is_cached(quickstart: Any, cli: Cli) -> None:
    steps = cli.json("image.plan")
    assert [step["name"] for step in steps if not step["cached"]] == []
    assert {step["name"] for step in steps} > {"base", "toolchain", "python", "runtime"}


def test_the_mirror_is_complete_and_intact(quickstart: Any, cli: Cli) -> None:
    assert all(use["missing"] == 0 for use in cli.json("mirror.status")["uses"])
    assert cli.json("mirror.verify")["damaged"] == []


def test_the_lock_does_not_name_hosts(cli: Cli) -> None:
    text = (cli.root / "offline-mirror" / "cpu.lock").read_text()
    assert "://" not in text
