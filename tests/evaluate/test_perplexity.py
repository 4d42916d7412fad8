import math
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.evaluate.perplexity import Score, Window, first_tokens, score, windows


def test_windows_do_not_overlap_and_the_rest_is_dropped() -> None:
    assert windows(list(range(11)), 3, 9) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert windows(list(range(11)), 3, 2) == [[0, 1, 2], [3, 4, 5]]


def test_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="has 2 tokens, a window needs 3"):
        windows([1, 2], 3, 9)


@pytest.mark.parametrize(("length", "limit"), [(1, 9), (0, 9), (3, 0), (3, -1)])
def test_windows_that_judge_nothing_are_refused(length: int, limit: int) -> None:
    with pytest.raises(ColdforgeError, match="to predict"):
        windows([1, 2, 3, 4], length, limit)


def test_texts_are_encoded_only_until_there_are_tokens_enough() -> None:
    texts = iter([[1, 2], [3], [4, 5]])
    assert first_tokens(texts, 0, 4) == [1, 2, 0, 3, 0]
    assert list(texts) == [[4, 5]]
    assert first_tokens([[1]], 0, 9) == [1, 0]


def test_a_hopeless_model_has_infinite_perplexity_and_no_overflow() -> None:
    assert Score((Window(1, 1e9),)).perplexity == float("inf")


def test_the_ratio_is_paired_and_so_narrower_than_the_perplexities() -> None:
    hard_and_easy = [1.0, 3.0, 5.0, 2.0]
    found = Score(tuple(Window(1, nll + 0.01, nll) for nll in hard_and_easy), compared=True)
    assert found.ratio.value == pytest.approx(math.exp(0.01))
    assert found.ratio.bounds == pytest.approx((math.exp(0.01), math.exp(0.01)))
    assert found.perplexity_estimate.low is not None
    assert found.perplexity_estimate.low < found.reference_perplexity.value
    assert found.perplexity == pytest.approx(found.reference_perplexity.value * found.ratio.value)


class Fixed:
    """A model that gives the same next-token logits everywhere."""

    def __init__(self, logits: list[float]) -> None:
        self.row = logits

    def __call__(self, ids: Any, use_cache: bool) -> Any:
        import torch

        class Output:
            logits = torch.tensor(self.row).expand(*ids.shape, -1)

        return Output


@pytest.mark.model
def test_a_model_that_knows_nothing_scores_the_size_of_its_vocabulary() -> None:
    pytest.importorskip("torch")
    found = score(Fixed([0.0] * 16), [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert found.tokens == 6
    assert found.perplexity == pytest.approx(16)


@pytest.mark.model
def test_divergence_from_itself_is_nil_and_from_another_is_what_theory_says() -> None:
    pytest.importorskip("torch")
    one, two = Fixed([math.log(0.75), math.log(0.25)]), Fixed([math.log(0.5), math.log(0.5)])
    same = score(one, [[0, 1]], one)
    assert same.kl.value == pytest.approx(0, abs=1e-7)
    assert same.top1.value == 1
    other = score(one, [[0, 1]], two)
    assert other.kl.value == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(2))
    assert other.reference_perplexity.value == pytest.approx(2)


@pytest.mark.model
def test_the_number_of_threads_changes_no_bit(demo: Path) -> None:
    import random

    from coldforge.checkpoint.checkpoint import read_checkpoint
    from coldforge.model.loading.load import load_model

    chance = random.Random(0)
    cut = [[chance.randrange(4096) for _ in range(130)] for _ in range(5)]
    model = load_model(read_checkpoint(demo))
    told: list[int] = []
    one, two, five = (score(model, cut, model, told.append, threads) for threads in (1, 2, 5))
    assert one == two == five
    assert told == [129] * 15
