import shutil
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.quantize.calibrate import run_calibrate
from coldforge.quantize.calibration.calibration import read_frozen

pytest.importorskip("torch")
pytestmark = pytest.mark.model

SMALL = {"samples": 3, "length": 48, "answer": 24}


def test_a_model_answers_and_the_same_call_freezes_the_same_bytes(
    demo: Path, tmp_path: Path
) -> None:
    (tmp_path / "asked.txt").write_text("import os\ndef main():\nclass Stack:\n")
    outs = [tmp_path / "one.cal", tmp_path / "two.cal"]
    for out in outs:
        found = run_calibrate(str(demo), str(out), questions=str(tmp_path / "asked.txt"), **SMALL)
        assert (found["samples"], found["length"]) == (3, 48)
        assert found["digest"] == read_frozen(out).digest
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["asked.txt", "one.cal", "two.cal"]


def test_without_questions_it_begins_with_the_seeds(demo: Path, tmp_path: Path) -> None:
    found = run_calibrate(str(demo), str(tmp_path / "set.cal"), **SMALL)
    assert found["corpus"] == "self-generated from seeds"


def test_a_text_can_be_frozen_too(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.py").write_text("import os\n" * 100)
    found = run_calibrate(
        str(demo), str(tmp_path / "set.cal"), text=str(tmp_path / "texts"), samples=2, length=32
    )
    assert (found["corpus"], found["way"]) == ("texts", "drawn")
    assert len(read_frozen(tmp_path / "set.cal").windows) == 2


def test_a_text_shorter_than_a_window_is_refused(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("too short")
    with pytest.raises(ColdforgeError, match="a window needs 512"):
        run_calibrate(str(demo), str(tmp_path / "set.cal"), text=str(tmp_path / "short.txt"))
    assert not (tmp_path / "set.cal").exists()


def test_a_model_without_a_tokenizer_is_refused(demo: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(demo, bare, ignore=shutil.ignore_patterns("tokenizer*"))
    with pytest.raises(ColdforgeError, match="has no tokenizer"):
        run_calibrate(str(bare), str(tmp_path / "set.cal"))


def test_what_is_no_calibration_set_is_not_overwritten(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ColdforgeError, match="is not a calibration set"):
        run_calibrate(str(demo), str(tmp_path / "thesis.txt"))


def test_questions_and_a_text_exclude_each_other(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="exclude each other"):
        run_calibrate(str(demo), str(tmp_path / "set.cal"), questions="a", text="b")
