from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.commands.run import AHEAD, batches, in_order

LENGTHS = st.lists(st.integers(1, 4), max_size=120)
SIZES = st.integers(1, 5)


@given(LENGTHS, SIZES, st.integers(0, 10))
def test_every_prompt_is_in_one_batch_beside_its_like(
    lengths: list[int], size: int, start: int
) -> None:
    found = list(batches(lengths, size, start))
    assert sorted(place for batch in found for place in batch) == [*range(start, len(lengths))]
    for batch in found:
        assert 1 <= len(batch) <= size
        assert len({lengths[place] for place in batch}) == 1


@given(LENGTHS, SIZES)
def test_no_answer_waits_for_more_than_a_window(lengths: list[int], size: int) -> None:
    seen = 0
    for batch in batches(lengths, size):
        assert max(batch) < seen + size * AHEAD
        seen += len(batch)


def test_one_at_a_time_keeps_the_order() -> None:
    assert list(batches([2, 1, 2], 1)) == [[0], [1], [2]]


@given(st.permutations(range(3, 12)))
def test_answers_come_back_in_order(places: list[int]) -> None:
    assert list(in_order(((place, str(place)) for place in places), 3)) == [
        str(place) for place in range(3, 12)
    ]
