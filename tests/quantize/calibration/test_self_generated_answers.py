import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from coldforge.quantize.calibration.self_generated import (
    SHORTEST,
    AnswerFilter,
    AnswerJournal,
    Pairs,
)

CHANCE = random.Random(0)


def answer(length: int = 60) -> list[int]:
    return [CHANCE.randrange(1, 1000) for _ in range(length)]


def test_question_answer_and_end_are_kept_together() -> None:
    sieve, said = AnswerFilter(), answer()
    sieve.offer([1, 2], said, 0)
    assert sieve.kept == [[1, 2, *said, 0]]
    assert sieve.tokens == 63


def test_a_short_answer_is_dropped() -> None:
    sieve = AnswerFilter()
    sieve.offer([1], answer(SHORTEST - 1), 0)
    sieve.offer([1], answer(SHORTEST), 0)
    assert (len(sieve.kept), dict(sieve.dropped)) == (1, {"short": 1})


def test_an_answer_that_goes_in_circles_is_dropped() -> None:
    sieve = AnswerFilter()
    sieve.offer([1], answer(6) * 10, 0)
    assert (sieve.kept, dict(sieve.dropped)) == ([], {"repetitive": 1})


def test_the_same_answer_to_another_question_is_dropped() -> None:
    sieve, said = AnswerFilter(), answer()
    sieve.offer([1], said, 0)
    sieve.offer([2], said, 0)
    assert (len(sieve.kept), dict(sieve.dropped)) == (1, {"duplicate": 1})


def test_almost_the_same_answer_is_dropped_and_a_half_new_one_is_kept() -> None:
    sieve, said = AnswerFilter(), answer()
    sieve.offer([1], said, 0)
    sieve.offer([1], [*said[:-4], 7, 7, 7, 7], 0)
    sieve.offer([1], [*said[:30], *answer(30)], 0)
    assert (len(sieve.kept), dict(sieve.dropped)) == (2, {"duplicate": 1})


@given(some.lists(some.lists(some.integers(1, 9), max_size=40)))
def test_every_answer_is_kept_or_counted(answers: list[list[int]]) -> None:
    sieve = AnswerFilter()
    for said in answers:
        sieve.offer([1], said, 0)
    assert len(sieve.kept) + sum(sieve.dropped.values()) == len(answers)
    assert sieve.tokens == sum(map(len, sieve.kept))


FIRST: Pairs = [([1, 2], [3]), ([4], [])]
SECOND: Pairs = [([5], [6, 7])]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "set.cal.answers"


def test_what_was_written_is_there_again(path: Path) -> None:
    book = AnswerJournal(path, "this")
    for number, batch in ((1, SECOND), (0, FIRST)):
        book.write(number, batch)
    assert AnswerJournal(path, "this").batches == book.batches == {0: FIRST, 1: SECOND}


def test_answers_for_something_else_are_dropped(path: Path) -> None:
    AnswerJournal(path, "this").write(0, FIRST)
    assert AnswerJournal(path, "that").batches == {}
    assert AnswerJournal(path, "this").batches == {}


def test_killed_anywhere_whole_batches_stay_and_writing_goes_on(path: Path) -> None:
    book = AnswerJournal(path, "this")
    book.write(0, FIRST)
    enough = path.stat().st_size
    book.write(1, SECOND)
    whole = path.read_bytes()
    for at in range(len(whole)):
        path.write_bytes(whole[:at])
        again = AnswerJournal(path, "this")
        assert again.batches == ({0: FIRST} if at >= enough else {})
        for number, batch in enumerate((FIRST, SECOND)):
            if number not in again.batches:
                again.write(number, batch)
        assert path.read_bytes() == whole


def test_a_closed_one_leaves_nothing(path: Path) -> None:
    book = AnswerJournal(path, "this")
    book.write(0, FIRST)
    book.close()
    assert list(path.parent.iterdir()) == []
