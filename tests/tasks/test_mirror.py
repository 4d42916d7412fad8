import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from coldforge.mirror.settings import pip
from coldforge.mirror.settings.pip import PipConfig
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, Lock, write_lock
from coldforge.tasks import mirror
from tests.mirror.handmade import checkout, tensorrt, wheel

Capture = pytest.CaptureFixture[str]

STACK = 'summary = ""\nepoch = 0\nlayers = ["python"]\n[python]\nversion = "3.11"\nplatform = "x"'
LAYER = 'summary = ""\n[inputs]\npython = ["demo"]'


class Lab:
    """A checkout with one stack, its lock, and a find-links folder as the only origin."""

    def __init__(self, root: Path) -> None:
        self.root, self.links = root, root / "links"
        self.store = Store(root / "offline-mirror" / "blobs")
        for folder in ("docker/stacks", "docker/layers/python", "links"):
            (root / folder).mkdir(parents=True)
        (root / "docker/stacks/cpu.toml").write_text(STACK)
        (root / "docker/layers/python/layer.toml").write_text(LAYER)
        self.entries = [self.offer(f"demo{number}", bytes(1000 + number)) for number in range(3)]
        self.lock()

    def offer(self, name: str, data: bytes) -> Entry:
        (self.links / f"{name}.whl").write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        return Entry("python", "python", name, "1", f"{name}.whl", len(data), sha256)

    def lock(self, asked: str = "demo") -> None:
        requests = {"python": [f"python:{asked}"]}
        path = self.root / "offline-mirror" / "cpu.lock"
        write_lock(path, Lock(1, "cpu", requests, [], self.entries))


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(tmp_path)
    monkeypatch.setenv("COLDFORGE_ROOT", str(tmp_path))
    monkeypatch.delenv("COLDFORGE_DEBUG", raising=False)
    monkeypatch.setattr(pip, "read_pip", lambda: PipConfig(find_links=[str(made.links)]))
    return made


def run(task: Any, capsys: pytest.CaptureFixture[str], **given: Any) -> Any:
    """Run a task for a program and read what it printed."""
    task(Context(), json=True, **given)
    return json.loads(capsys.readouterr().out)


def test_fetch_fetches_missing_files_and_then_nothing(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(mirror.fetch, capsys)
    assert first == {"bytes": 3003, "fetched": 3, "present": 0, "stack": "cpu"}
    again = run(mirror.fetch, capsys)
    assert again == {"bytes": 0, "fetched": 0, "present": 3, "stack": "cpu"}


def test_fetch_prints_a_summary(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    mirror.fetch(Context())
    assert capsys.readouterr().out == "cpu: 3 fetched (3.0 kB), 0 were there already\n"


def test_files_that_cannot_be_fetched_exit_with_3_and_a_hint(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab.links / "demo1.whl").unlink()
    with pytest.raises(SystemExit) as caught:
        mirror.fetch(Context())
    said = capsys.readouterr().err.splitlines()
    assert caught.value.code == 3
    assert said[-2] == "error: 1 of 3 files could not be fetched"
    assert said[-1].startswith(" hint: ")
    assert lab.store.has(lab.entries[0].sha256, lab.entries[0].size)


def test_a_lock_that_does_not_match_its_stack_is_not_fetched(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.lock("other")
    with pytest.raises(SystemExit):
        mirror.fetch(Context())
    said = capsys.readouterr().err
    assert "lacks 'python:demo'" in said
    assert "stack.lock --stack cpu" in said


@pytest.mark.parametrize("task", [mirror.fetch, mirror.status])
def test_an_unknown_stack_lists_the_known_ones(
    lab: Lab, capsys: pytest.CaptureFixture[str], task: Any
) -> None:
    with pytest.raises(SystemExit) as caught:
        task(Context(), stack="gpu")
    assert caught.value.code == 2
    assert "known: cpu" in capsys.readouterr().err


def test_zero_jobs_are_refused(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        mirror.fetch(Context(), jobs=0)
    assert "--jobs 0" in capsys.readouterr().err


def test_status_counts_present_and_missing(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(mirror.status, capsys)["uses"][0]["missing"] == 3
    run(mirror.fetch, capsys)
    use = run(mirror.status, capsys)["uses"][0]
    assert (use["present"], use["present_bytes"], use["missing"]) == (3, 3003, 0)


def test_status_shows_the_source_of_each_missing_file(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    (lab.links / "demo1.whl").unlink()
    missing = run(mirror.status, capsys, missing=True)["missing"]
    assert [item["source"] for item in missing] == [
        (lab.links / "demo0.whl").as_uri(),
        "",
        (lab.links / "demo2.whl").as_uri(),
    ]
    mirror.status(Context(), missing=True)
    said = capsys.readouterr().out
    assert "demo1.whl (1.0 kB) from an unknown source" in said
    assert "run: ./invokew mirror.fetch --stack cpu" in said


def test_a_damaged_blob_is_reported_moved_aside_and_fetched_again(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    run(mirror.fetch, capsys)
    path = lab.store.path(lab.entries[1].sha256)
    path.write_bytes(b"\1" + path.read_bytes()[1:])
    with pytest.raises(SystemExit) as caught:
        mirror.verify(Context())
    captured = capsys.readouterr()
    assert caught.value.code == 1
    assert "cpu.lock: demo1 1 (python)" in captured.out
    assert "mirror.fetch --stack cpu" in captured.err
    assert run(mirror.fetch, capsys)["fetched"] == 1
    assert run(mirror.verify, capsys)["damaged"] == []


def test_verify_of_one_stack_reads_only_its_blobs(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    run(mirror.fetch, capsys)
    stray = lab.store.partial("0" * 64)
    stray.write_bytes(b"not what it says")
    lab.store.publish(stray, "0" * 64)
    assert run(mirror.verify, capsys, stack="cpu")["blobs"] == 3
    with pytest.raises(SystemExit):
        mirror.verify(Context())
    assert "no lock needs them" in capsys.readouterr().err


def test_add_takes_several_files_and_identifies_each(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("COLDFORGE_ROOT", str(checkout(workspace).root))
    files = [tensorrt(tmp_path), wheel(tmp_path)]
    given = {"file": str(files[0]), "also": [str(files[1])], "stack": "top"}
    added = run(mirror.add, capsys, **given)["added"]
    assert [(one["name"], one["version"]) for one in added] == [
        ("tensorrt", "9.0.1.4"),
        ("polygraphy", "0.48.1"),
    ]
    assert added[0]["pinned"] == ["shop: compiler", "top: libraries"]
    mirror.add(Context(), **given)
    said = capsys.readouterr().out
    assert f"{files[0].name}: tensorrt 9.0.1.4" in said
    assert "it was already pinned" in said


def test_a_refused_file_is_an_error_and_the_others_are_added(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("COLDFORGE_ROOT", str(checkout(workspace).root))
    files = [tensorrt(tmp_path, "8.6.1.6"), wheel(tmp_path)]
    with pytest.raises(SystemExit) as caught:
        mirror.add(Context(), file=str(files[0]), also=[str(files[1])], stack="top")
    said = capsys.readouterr()
    assert caught.value.code == 1
    assert "pinned for top: libraries" in said.out
    assert [line.split(":")[0] for line in said.err.splitlines()[-2:]] == ["error", " hint"]


def test_status_lists_files_to_bring_by_hand(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("COLDFORGE_ROOT", str(checkout(workspace, ["tensorrt"]).root))
    found = run(mirror.status, capsys, stack="top", missing=True)
    assert [(one["stack"], one["name"]) for one in found["lacking"]] == [
        ("shop", "tensorrt"),
        ("top", "tensorrt"),
    ]
    assert found["missing"] == []
    mirror.status(Context(), stack="top")
    said = capsys.readouterr().out
    assert "top needs 1 file that must be brought by hand:" in said
    assert "mirror.fetch" not in said


@pytest.mark.parametrize("name", ["add", "fetch", "status", "verify"])
def test_every_task_has_an_example_in_its_help(name: str) -> None:
    task = mirror.NAMESPACE.tasks[name]
    assert f"Example: invoke mirror.{name}" in (task.__doc__ or "")
    assert set(task.help) <= {"stack", "json", "jobs", "missing", "file", "also"}


def test_listing_the_tasks_imports_nothing_heavy() -> None:
    script = """
import sys
import coldforge.tasks.mirror, coldforge.tasks.stack
heavy = {"httpx", "msgspec", "rich", "uv", "pypi_simple", "packaging", "debian"}
print(sorted(heavy & set(sys.modules)))
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
