from pathlib import Path

import pytest

from coldforge.quantize.calibration.journal import Journal, Pairs

FIRST: Pairs = [([1, 2], [3]), ([4], [])]
SECOND: Pairs = [([5], [6, 7])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "set.cal.answers"


def test_what_was_written_is_there_again(path: Path) -> None:
    book = Journal(path, "this")
    for number, batch in ((1, SECOND), (0, FIRST)):
        book.write(number, batch)
    assert Journal(path, "this").batches == book.batches == {0: FIRST, 1: SECOND}


def test_answers_for_something_else_are_dropped(path: Path) -> None:
    Journal(path, "this").write(0, FIRST)
    assert Journal(path, "that").batches == {}
    assert Journal(path, "this").batches == {}


def test_killed_anywhere_whole_batches_stay_and_writing_goes_on(path: Path) -> None:
    book = Journal(path, "this")
    book.write(0, FIRST)
    enough = path.stat().st_size
    book.write(1, SECOND)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at])
        again = Journal(path, "this")
        assert again.batches == ({0: FIRST} if at >= enough else {})
        for number, batch in enumerate((FIRST, SECOND)):
            if number not in again.batches:
                again.write(number, batch)
        assert path.read_bytes() == whole


def test_a_closed_one_leaves_nothing(path: Path) -> None:
    book = Journal(path, "this")
    book.write(0, FIRST)
    book.close()
    assert list(path.parent.iterdir()) == []
