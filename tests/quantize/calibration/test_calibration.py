import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.corpus import Corpus, Document
from coldforge.quantize.calibration.calibration import Calibration, draw


class Letters:
    """A tokenizer that makes a token of each character."""

    end = 0
    digest = "letters"

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [[ord(letter) for letter in text] for text in texts]


CORPUS = Corpus("two", (Document("a", "abcdefgh"), Document("b", "ijklmnop")))


def test_the_same_seed_draws_the_same_windows() -> None:
    one, two = (draw(CORPUS, Letters(), 5, 4, seed=7) for _ in range(2))
    assert one.windows == two.windows
    assert one.digest == two.digest


def test_another_seed_draws_other_windows() -> None:
    assert draw(CORPUS, Letters(), 5, 4, 7).digest != draw(CORPUS, Letters(), 5, 4, 8).digest


def test_windows_are_stretches_of_the_text() -> None:
    stream = "".join(map(chr, [*b"abcdefgh", 0, *b"ijklmnop", 0]))
    drawn = draw(CORPUS, Letters(), 20, 4, 1)
    assert len(drawn.windows) == 20
    assert all("".join(map(chr, window)) in stream for window in drawn.windows)


def test_a_window_may_take_all_there_is() -> None:
    assert draw(CORPUS, Letters(), 1, 18, 0).length == 18


def test_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="has 18 tokens, a window needs 19") as caught:
        draw(CORPUS, Letters(), 1, 19, 0)
    assert "--length" in caught.value.hint


@pytest.mark.parametrize(("samples", "length"), [(0, 4), (4, 0), (-1, 4)])
def test_no_samples_or_no_tokens_are_refused(samples: int, length: int) -> None:
    with pytest.raises(ColdforgeError, match="at least one"):
        draw(CORPUS, Letters(), samples, length, 0)


def test_the_digest_is_that_of_the_ids_and_their_tokenizer() -> None:
    one = Calibration([[1, 2]], "a", {"corpus": "x"})
    assert one.digest == Calibration([[1, 2]], "a", {"corpus": "y"}).digest
    assert one.digest != Calibration([[1, 2]], "b", {"corpus": "x"}).digest
    assert one.digest != Calibration([[2, 1]], "a", {"corpus": "x"}).digest


def test_the_facts_say_how_it_was_made_and_how_large_it_is() -> None:
    facts = draw(CORPUS, Letters(), 5, 4, seed=7).facts
    assert facts["corpus"] == "two"
    assert facts["corpus_digest"] == CORPUS.digest
    assert (facts["samples"], facts["length"], facts["seed"]) == (5, 4, 7)
    assert facts["tokenizer"] == "letters"
