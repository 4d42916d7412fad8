import random

from hypothesis import given
from hypothesis import strategies as some

from coldforge.quantize.calibration.dedup import SHORTEST, AnswerFilter

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
