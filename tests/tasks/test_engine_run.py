import io
import sys
from pathlib import Path

import pytest
from invoke.context import Context

from coldforge.paths import Workspace
from coldforge.tasks import _in_image
from coldforge.tasks._in_image import Inside
from coldforge.tasks.engine_run import run
from tests.engine.rig import folder


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Inside, str]]:
    """Take what the image would be given, and what the file of prompts holds meanwhile."""
    monkeypatch.delenv("COLDFORGE_IN_IMAGE", raising=False)
    found: list[tuple[Inside, str]] = []

    def note(work: Inside) -> None:
        found.append((work, work.reads[-1].read_text("utf-8")))

    monkeypatch.setattr(_in_image, "run", note)
    return found


def test_the_image_writes_to_the_file_itself_and_to_nothing_beside(
    handed: list[tuple[Inside, str]], tmp_path: Path
) -> None:
    engine, out, prompts = folder(tmp_path / "engine"), tmp_path / "new" / "out", tmp_path / "asked"
    prompts.write_text("hello", "utf-8")
    run.body(Context(), str(engine), str(prompts), str(out), batch_size=3)
    ((work, asked),) = handed
    assert (work.reads, work.writes, asked) == ([engine, prompts], [out], "hello")
    assert {f"--engine={engine}", f"--out={out}", "--batch-size=3"} <= set(work.flags)
    assert not out.exists()  # nothing was answered
    out.write_text("kept\n", "utf-8")
    run.body(Context(), str(engine), str(prompts), str(out))
    assert out.read_text("utf-8") == "kept\n"


def test_stdin_reaches_the_image_in_a_file_that_goes(
    handed: list[tuple[Inside, str]], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workspace, "find", lambda: workspace)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from here")))
    engine = folder(workspace.root / "engine")
    run.body(Context(), str(engine), "-", "-")
    ((work, asked),) = handed
    assert asked == "from here"
    assert not work.reads[-1].exists()
    assert work.writes == []
    assert "--out=-" in work.flags


def test_two_kinds_of_lines_on_stdout_are_refused(
    handed: list[tuple[Inside, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run.body(Context(), str(tmp_path), "prompts", "-", json=True)
    assert "so would --json" in capsys.readouterr().err
    assert handed == []
