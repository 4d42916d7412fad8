from pathlib import Path
from typing import Any, NoReturn
from unittest.mock import MagicMock

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.build import check
from coldforge.image.build.cache import Cache
from coldforge.image.build.check import check_inputs, run_check
from coldforge.image.layers.context import BuildContext


class Runner:
    """Counts the steps run, and says how they end."""

    def __init__(self) -> None:
        self.steps: list[Any] = []
        self.error: ColdforgeError | None = None

    def __call__(self, client: object, step: Any, log: Path) -> Any:
        self.steps.append(step)
        context = MagicMock()
        context.__enter__.side_effect = self.error
        context.__exit__.return_value = False
        return context


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    made = Runner()
    monkeypatch.setattr(check, "finished", made)
    return made


def checked(context: BuildContext, below: list[str], name: str = "base") -> None:
    run_check(context, Cache(context.root / "cache"), name, below, lambda: (MagicMock(), "image"))


def test_a_check_sees_its_script_and_the_probes(context: BuildContext) -> None:
    root = context.space.root
    assert check_inputs(context, "base") == {
        "check.sh": root / "docker" / "layers" / "base" / "check.sh",
        "probes/one": root / "probes" / "one",
    }


def test_a_layer_without_a_check_needs_no_engine(context: BuildContext) -> None:
    def unwanted() -> NoReturn:
        raise AssertionError("an engine was asked for")

    run_check(context, Cache(context.root / "cache"), "top", [], unwanted)


def test_a_check_runs_as_nobody_on_a_read_only_root(context: BuildContext, runner: Runner) -> None:
    checked(context, ["sha256:1"])
    (step,) = runner.steps
    assert (step.user, step.read_only, step.capabilities) == ("65534:65534", True, [])


def test_a_check_that_passed_is_not_run_again(context: BuildContext, runner: Runner) -> None:
    checked(context, ["sha256:1"])
    checked(context, ["sha256:1"])
    assert len(runner.steps) == 1


def test_other_layers_or_another_check_are_checked_again(
    context: BuildContext, runner: Runner
) -> None:
    checked(context, ["sha256:1"])
    checked(context, ["sha256:2"])
    (context.space.root / "probes" / "one").write_text("2\n", "utf-8")
    checked(context, ["sha256:2"])
    (context.space.layers / "base" / "check.sh").write_text("false\n", "utf-8")
    checked(context, ["sha256:2"])
    assert len(runner.steps) == 4


def test_a_check_that_failed_is_run_again(context: BuildContext, runner: Runner) -> None:
    runner.error = ColdforgeError("check base failed with status 1")
    for _ in range(2):
        with pytest.raises(ColdforgeError, match="check base failed"):
            checked(context, ["sha256:1"])
    assert len(runner.steps) == 2
