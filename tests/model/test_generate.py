from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.generate import pieces

pytestmark = pytest.mark.model


class Bytes:
    """A tokenizer whose tokens are bytes."""

    def decode(self, ids: list[int]) -> str:
        return bytes(ids).decode("utf-8", "replace")


class Tokens:
    tokenizer = Bytes()


def feed(text: bytes) -> Iterator[int]:
    yield from text


@pytest.mark.parametrize("text", ["abc", "naïve", "日本", ""])
def test_pieces_join_to_the_text_and_never_split_a_character(text: str) -> None:
    found = list(pieces(Tokens(), feed(text.encode())))  # type: ignore[arg-type]
    assert "".join(found) == text
    assert not [piece for piece in found if "\N{REPLACEMENT CHARACTER}" in piece]


def test_original_and_quantised_continue_a_prompt(demo: Path, int4: Path) -> None:
    from coldforge.model.generate import run_generate

    for model in (demo, int4):
        found = run_generate(str(model), "import os", max_new_tokens=5)
        assert found["text"] == run_generate(str(model), "import os", max_new_tokens=5)["text"]


def test_greedy_text_is_what_transformers_generates(demo: Path) -> None:
    import torch

    from coldforge.checkpoint.checkpoint import read_checkpoint
    from coldforge.model.generate import continuation
    from coldforge.model.loading.load import load_model
    from coldforge.model.tokens import ModelTokens

    tokens, model = ModelTokens(demo), load_model(read_checkpoint(demo))
    ids = tokens.encode(["def read(self"])[0]
    wanted = model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False)[0][len(ids) :]
    assert list(continuation(model, tokens, "def read(self", 8)) == wanted.tolist()


def test_the_number_of_threads_changes_no_token_and_stays_as_it_was(demo: Path) -> None:
    import torch

    from coldforge.checkpoint.checkpoint import read_checkpoint
    from coldforge.model.generate import following
    from coldforge.model.loading.load import load_model
    from coldforge.model.runtime import threads

    model = load_model(read_checkpoint(demo))
    told: list[tuple[int, list[float]]] = []
    for count in (1, 2, 3):
        logits: list[float] = []

        def choose(row: Any, logits: list[float] = logits) -> int:
            assert torch.get_num_threads() == 1
            logits.append(float(row.sum()))
            return int(row.argmax())

        with threads(count):
            chosen = list(following(model, [*range(40)], 6, choose))
            assert torch.get_num_threads() == count
        told.append((sum(chosen), logits))
    assert told[0] == told[1] == told[2]


def test_an_empty_prompt_is_refused(demo: Path) -> None:
    from coldforge.model.generate import run_generate

    with pytest.raises(ColdforgeError, match="empty prompt"):
        run_generate(str(demo), "")


def test_a_prompt_longer_than_the_model_takes_is_refused(demo: Path) -> None:
    from coldforge.model.generate import run_generate

    with pytest.raises(ColdforgeError, match="the model takes 512"):
        run_generate(str(demo), "x = 1\n" * 600)
