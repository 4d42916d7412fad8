"""What answers: an engine, loaded, continuing sequences of tokens."""

from collections.abc import Iterator
from typing import Protocol


class Runner(Protocol):
    """A loaded engine."""

    positions: int
    """Tokens of the longest sequence, prompt and answer together."""
    vocab: int

    def follow(self, prompts: list[list[int]], count: int) -> Iterator[list[int]]:
        """Yield `count` times the likeliest next token of each prompt; all are equally long."""
