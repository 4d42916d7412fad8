import shutil
from pathlib import Path

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError, RefusedError
from coldforge.quantize.calibration.calibration import Calibration, write_frozen
from coldforge.quantize.calibration.find import calibration_for, part

pytest.importorskip("torch")
pytestmark = pytest.mark.model


@pytest.fixture
def frozen(demo: Path, tmp_path: Path) -> Path:
    """A set of three windows of five tokens for the demo model's tokenizer."""
    from coldforge.model.tokens import ModelTokens

    windows = [list(range(at, at + 5)) for at in range(3)]
    calibration = Calibration(windows, ModelTokens(demo).digest, {"corpus": "numbers"})
    write_frozen(tmp_path / "set.cal", calibration)
    return tmp_path / "set.cal"


def test_nothing_given_draws_from_what_the_judge_does_not_see(demo: Path) -> None:
    found = calibration_for(read_checkpoint(demo), None, 2, 16, 0)
    assert found.facts["corpus"].endswith("/train")
    assert (len(found.windows), found.length) == (2, 16)


def test_a_text_is_drawn_from(demo: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("import os\n" * 500)
    found = calibration_for(read_checkpoint(demo), str(tmp_path / "text.txt"), None, None, 0)
    assert (len(found.windows), found.length) == (128, 512)
    assert found.facts["corpus"] == "text.txt"


def test_a_frozen_set_is_taken_as_it_is(demo: Path, frozen: Path) -> None:
    found = calibration_for(read_checkpoint(demo), str(frozen), None, None, 1)
    assert found.windows == [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5], [2, 3, 4, 5, 6]]
    assert "part_of" not in found.facts


def test_a_part_of_a_set_says_what_of(demo: Path, frozen: Path) -> None:
    whole = calibration_for(read_checkpoint(demo), str(frozen), None, None, 0)
    found = calibration_for(read_checkpoint(demo), str(frozen), 2, 3, 0)
    assert found.windows == [[0, 1, 2], [1, 2, 3]]
    assert found.facts["part_of"] == whole.digest != found.digest


def test_a_set_for_another_tokenizer_is_refused(demo: Path, frozen: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(demo, other)
    text = (other / "tokenizer.json").read_text("utf-8")
    assert '"<|end|>"' in text
    (other / "tokenizer.json").write_text(text.replace("<|end|>", "<|END|>"), "utf-8")
    with pytest.raises(ColdforgeError, match="was made for another tokenizer"):
        calibration_for(read_checkpoint(other), str(frozen), None, None, 0)


def test_a_tampered_set_is_refused(demo: Path, frozen: Path) -> None:
    frozen.write_bytes(frozen.read_bytes().replace(b"[0,1,", b"[0,7,"))
    with pytest.raises(RefusedError, match="was changed after it was made"):
        calibration_for(read_checkpoint(demo), str(frozen), None, None, 0)


@pytest.mark.parametrize(
    ("samples", "length", "said"),
    [
        (4, None, "has 3 windows, 4 were asked for"),
        (None, 6, "has 5 tokens a window, 6 were asked for"),
        (0, None, "0 were asked for"),
        (None, -1, "-1 were asked for"),
    ],
)
def test_more_than_there_is_cannot_be_had(
    samples: int | None, length: int | None, said: str
) -> None:
    with pytest.raises(ColdforgeError, match=said):
        part(Calibration([[1, 2, 3, 4, 5]] * 3, "t", {}), samples, length)
