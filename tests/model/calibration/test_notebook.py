from pathlib import Path

import pytest

from coldforge.model.calibration.notebook import Notebook, Pairs

FIRST: Pairs = [([1, 2], [3]), ([4], [])]
SECOND: Pairs = [([5], [6, 7])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "set.cal.answers"


def test_what_was_written_is_there_again(path: Path) -> None:
    book = Notebook(path, "this")
    for batch in (FIRST, SECOND):
        book.write(batch)
    assert Notebook(path, "this").batches == book.batches == [FIRST, SECOND]


def test_answers_for_something_else_are_dropped(path: Path) -> None:
    Notebook(path, "this").write(FIRST)
    assert Notebook(path, "that").batches == []
    assert Notebook(path, "this").batches == []


def test_killed_anywhere_whole_batches_stay_and_writing_goes_on(path: Path) -> None:
    book = Notebook(path, "this")
    book.write(FIRST)
    enough = path.stat().st_size
    book.write(SECOND)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at])
        again = Notebook(path, "this")
        assert again.batches == ([FIRST] if at >= enough else [])
        for batch in (FIRST, SECOND)[len(again.batches) :]:
            again.write(batch)
        assert path.read_bytes() == whole


def test_a_closed_one_leaves_nothing(path: Path) -> None:
    book = Notebook(path, "this")
    book.write(FIRST)
    book.close()
    assert list(path.parent.iterdir()) == []
