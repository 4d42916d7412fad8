import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.generate import LENGTH, STOP, answer, room, stream_answer
from coldforge.errors import ColdforgeError
from tests.engine.rig import Adder

PROMPTS = st.integers(1, 8).flatmap(
    lambda length: st.lists(
        st.lists(st.integers(0, 10), min_size=length, max_size=length), min_size=1, max_size=4
    )
)


@given(PROMPTS, st.integers(1, 20), st.integers(0, 10))
def test_a_batch_answers_as_its_prompts_do_alone(
    prompts: list[list[int]], most: int, end: int
) -> None:
    together = answer(Adder(), prompts, most, end)
    for prompt, one in zip(prompts, together, strict=True):
        (alone,) = answer(Adder(), [prompt], most, end)
        assert (one.ids, one.finish) == (alone.ids, alone.finish)
        assert one.ids == list(stream_answer(Adder(), prompt, most, end))
        assert end not in one.ids
        full = min(most, 16 - len(prompt))
        assert len(one.ids) == full if one.finish == LENGTH else len(one.ids) < full


def test_an_answer_ends_at_the_end_token_and_the_batch_with_its_last_answer() -> None:
    # 1 -> 1 2 4 8 5 10 …; 3 -> 3 6 1 2 4 …
    one, other = answer(Adder(), [[1], [3]], 10, end=4)
    assert (one.ids, one.finish) == ([1, 2], STOP)
    assert (other.ids, other.finish) == ([3, 6, 1, 2], STOP)
    assert 0 < one.seconds < other.seconds


def test_the_context_is_a_limit_and_a_prompt_that_fills_it_an_error() -> None:
    assert len(answer(Adder(), [[1] * 15], 5, end=99)[0].ids) == 1
    with pytest.raises(ColdforgeError, match="prompt 4 has 16 tokens, the engine takes 16"):
        room(Adder(), 16, "prompt 4")
    with pytest.raises(ColdforgeError, match="the prompt is empty"):
        list(stream_answer(Adder(), [], 5, end=99))
