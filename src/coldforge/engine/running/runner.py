"""What answers: a model or an engine, loaded, continuing sequences of tokens."""

from collections.abc import Iterator
from typing import Any, Protocol


class Runner(Protocol):
    """A loaded model or engine."""

    positions: int
    """Tokens of the longest sequence, prompt and answer together."""
    vocab: int

    def follow(self, prompts: list[list[int]], count: int) -> Iterator[list[int]]:
        """Yield `count` times the likeliest next token of each prompt; all are equally long."""

    def logits(self, ids: list[int]) -> Any:  # noqa: ANN401 - an array
        """Return the logits of every position, float32 (tokens, vocab)."""
