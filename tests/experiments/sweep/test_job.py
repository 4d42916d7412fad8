"""A sweep's folder is ours, and one sweep's at a time."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.experiments.sweep.job import claim, exclusive


def test_a_folder_is_claimed_once_and_known_again(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "out"
    claim(place)
    (place / "runs").mkdir()
    claim(place)
    assert (place / "runs").is_dir()


def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(ColdforgeError, match="was not made as a sweep"):
        claim(tmp_path)


def test_a_claim_that_was_killed_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "coldforge.json.part").write_text('{"ki', "utf-8")
    claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["coldforge.json"]


def test_two_at_one_name_are_refused_and_at_two_names_are_not(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(exclusive(tmp_path, "sweep"))
        stack.enter_context(exclusive(tmp_path, "one-rtn"))
        with pytest.raises(ColdforgeError, match="another run works on sweep"):
            stack.enter_context(exclusive(tmp_path, "sweep"))
    with exclusive(tmp_path, "sweep"):
        pass
