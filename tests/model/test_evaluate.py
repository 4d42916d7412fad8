from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.evaluate import Score, score, windows


def test_windows_do_not_overlap_and_the_rest_is_dropped() -> None:
    assert windows(list(range(11)), 3, 9) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert windows(list(range(11)), 3, 2) == [[0, 1, 2], [3, 4, 5]]


def test_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="has 2 tokens, a window needs 3"):
        windows([1, 2], 3, 9)


def test_a_hopeless_model_has_infinite_perplexity_and_no_overflow() -> None:
    assert Score(1, 1e9).perplexity == float("inf")


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
    import math

    one, two = Fixed([math.log(0.75), math.log(0.25)]), Fixed([math.log(0.5), math.log(0.5)])
    same = score(one, [[0, 1]], one)
    assert same.divergence == pytest.approx(0, abs=1e-7)
    assert same.agreeing == 1
    other = score(one, [[0, 1]], two)
    assert other.divergence == pytest.approx(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(2))


@pytest.mark.model
def test_original_and_quantised_are_judged_by_one_protocol(demo: Path, int4: Path) -> None:
    from coldforge.model.verbs.evaluate import run_evaluate

    before = run_evaluate(str(demo), limit=2)
    after = run_evaluate(str(int4), reference=str(demo), limit=2)
    assert before["protocol"] == after["protocol"]
    assert after["protocol"]["tokens"] == 2 * 511
    assert after["perplexity"] == pytest.approx(before["perplexity"], rel=0.05)
    assert 0 <= after["reference"]["kl"] < 0.1
    assert 0.1 < after["reference"]["top1_agreement"] <= 1


@pytest.mark.model
def test_given_text_is_judged_instead(demo: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from coldforge.model.verbs.evaluate import run_evaluate

    (tmp_path / "text.txt").write_text("to be or not to be\n" * 50)
    found = run_evaluate(str(demo), text=str(tmp_path / "text.txt"), window=64, limit=3)
    assert found["protocol"]["corpus"] == "text.txt"
    assert found["protocol"]["windows"] == 3
