import pytest

from coldforge.engine.commands.compare import cut_prompts
from coldforge.errors import ColdforgeError
from coldforge.model.corpus import Corpus, Document

CORPUS = Corpus("letters", tuple(Document(f"{at}.txt", "abcdefghij" * 30) for at in range(3)))


class Letters:
    """A tokenizer of one token a letter."""

    end, digest = 0, "d" * 64

    def encode(self, texts: list[str]) -> list[list[int]]:
        return [[ord(letter) for letter in text] for text in texts]


def test_prompts_are_of_several_lengths_and_do_not_overlap() -> None:
    cut = cut_prompts(Letters(), CORPUS, 6, 1000)
    assert [len(ids) for ids in cut.ids] == [64, 2, 33, 17, 64, 2]
    stream = Letters().encode([CORPUS.texts[0]])[0]
    assert cut.ids[1] == stream[64:66]
    assert cut.facts["lengths"] == [64, 2, 33, 17, 64, 2]


def test_prompts_leave_room_for_what_follows() -> None:
    assert [len(ids) for ids in cut_prompts(Letters(), CORPUS, 3, 20).ids] == [20, 2, 20]


def test_a_short_text_gives_fewer_prompts() -> None:
    short = Corpus("short", CORPUS.documents[:1])
    assert len(cut_prompts(Letters(), short, 16, 1000).ids) == 4


@pytest.mark.parametrize(
    ("count", "most", "said"),
    [(4, 1, "no prompt of two tokens"), (0, 64, "no prompt of two tokens")],
)
def test_where_nothing_can_be_asked_it_says_so(count: int, most: int, said: str) -> None:
    with pytest.raises(ColdforgeError, match=said):
        cut_prompts(Letters(), CORPUS, count, most)


def test_a_text_shorter_than_a_prompt_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="the text has 4 tokens, a prompt 64"):
        cut_prompts(Letters(), Corpus("tiny", (Document("a.txt", "abc"),)), 1, 1000)
