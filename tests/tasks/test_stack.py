import json
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from coldforge.mirror import resolve
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock
from coldforge.stack.stack import Stack
from coldforge.tasks import stack


class Resolved:
    """Stand in for resolution: the packages are those of `versions`."""

    def __init__(self) -> None:
        self.versions = {"numpy": "1", "torch": "1"}
        self.update: set[str] = set()

    def __call__(self, space: Workspace, chosen: Stack, update: set[str]) -> Lock:
        self.update = update
        entries = [
            Entry("python", "python", name, version, f"{name}.whl", 1000, version * 64)
            for name, version in self.versions.items()
        ]
        return Lock(1, chosen.name, chosen.requests(), [], entries)


@pytest.fixture
def resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resolved:
    made = Resolved()
    (tmp_path / "docker" / "stacks").mkdir(parents=True)
    (tmp_path / "docker/stacks/cpu.toml").write_text('summary = ""\nepoch = 0\nlayers = []')
    monkeypatch.setenv("COLDFORGE_ROOT", str(tmp_path))
    monkeypatch.delenv("COLDFORGE_DEBUG", raising=False)
    monkeypatch.setattr(resolve, "resolve", made)
    return made


def lock(capsys: pytest.CaptureFixture[str], **given: Any) -> Any:
    stack.lock(Context(), **({"update": [], "json": True} | given))
    return json.loads(capsys.readouterr().out)


def test_a_first_lock_is_written_and_shown(
    resolved: Resolved, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    result = lock(capsys)
    assert result["changed"] is True
    assert [change["kind"] for change in result["changes"]] == ["added", "added"]
    assert result["uses"] == {"python": {"bytes": 2000, "entries": 2}}
    assert (tmp_path / result["lock"]).exists()


def test_locking_again_changes_nothing_and_says_so(
    resolved: Resolved, capsys: pytest.CaptureFixture[str]
) -> None:
    first = lock(capsys)
    again = lock(capsys)
    assert (again["changed"], again["changes"]) == (False, [])
    assert again["digest"] == first["digest"]
    stack.lock(Context(), update=[])
    assert "cpu.lock: nothing changed; 2 entries, 2.0 kB" in capsys.readouterr().out


def test_changed_versions_are_shown(resolved: Resolved, capsys: pytest.CaptureFixture[str]) -> None:
    lock(capsys)
    resolved.versions = {"numpy": "2", "safetensors": "3"}
    stack.lock(Context(), update=["numpy"])
    said = capsys.readouterr().out
    assert resolved.update == {"numpy"}
    assert "~ python: numpy 1 → 2" in said
    assert "- python: torch 1" in said
    assert "+ python: safetensors 3" in said
    assert "1 added, 1 removed, 1 moved" in said


def test_all_means_every_package(resolved: Resolved, capsys: pytest.CaptureFixture[str]) -> None:
    lock(capsys, update=["all"])
    assert resolved.update == {"*"}


def test_an_unknown_stack_lists_the_known_ones(
    resolved: Resolved, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        stack.lock(Context(), update=[], stack="gpu")
    assert caught.value.code == 2
    assert "known: cpu" in capsys.readouterr().err


def test_the_task_has_an_example_in_its_help() -> None:
    assert "Example: invoke stack.lock" in (stack.lock.__doc__ or "")
