from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.bench.prompt import prompts

COUNTS = st.integers(1, 40)


@given(COUNTS, COUNTS, st.integers(1, 4), st.integers(0, 9))
def test_prompts_have_the_length_asked_for_and_repeat(
    vocab: int, length: int, count: int, seed: int
) -> None:
    found = prompts(vocab, length, count, seed)
    assert [len(one) for one in found] == [length] * count
    assert all(0 <= token < vocab for one in found for token in one)
    assert found == prompts(vocab, length, count, seed)


def test_another_seed_draws_others() -> None:
    assert prompts(4096, 16, 1, 0) != prompts(4096, 16, 1, 1)
