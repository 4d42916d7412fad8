from pathlib import Path

import pytest
from invoke.context import Context

from coldforge.tasks._in_image import Inside
from coldforge.tasks.survey import survey


def test_the_image_reads_every_model_and_writes_into_the_folder_itself(
    handed: list[Inside], tmp_path: Path
) -> None:
    one, two, out = tmp_path / "one", tmp_path / "two", tmp_path / "out"
    survey.body(Context(), [str(one), str(two)], str(out), methods="rtn", samples=4)
    (work,) = handed
    assert work.reads == [one, two]
    assert work.writes == [out]
    assert work.flags[:3] == [f"--model={one}", f"--model={two}", f"--out={out}"]
    assert {"--methods=rtn", "--samples=4", "--limit=64"} <= set(work.flags)


def test_what_is_wrong_is_said_before_an_image_is_started(
    handed: list[Inside], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    for models, methods, said in (
        ([], "", "no model to survey"),
        (["model"], "int5", "unknown variant 'int5'"),
        (["model"], "", "was not made as a survey"),
    ):
        with pytest.raises(SystemExit):
            survey.body(Context(), models, str(tmp_path), methods=methods)
        assert said in capsys.readouterr().err
    assert handed == []
