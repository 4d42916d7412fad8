"""Calibration data: windows of token ids, their tokenizer and their origin."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_json
from coldforge.model.corpus import Corpus
from coldforge.model.tokens import Tokens, join

SAMPLES, LENGTH = 128, 512
"""Windows and tokens of each, unless asked otherwise."""


@dataclass(frozen=True)
class Calibration:
    """Windows of token ids, all of one length."""

    windows: Sequence[Sequence[int]]
    tokenizer: str
    """Digest of the tokenizer that made the ids."""
    made: dict[str, Any]
    """Origin: `corpus` is its name for people, the rest decided the ids."""

    @cached_property
    def digest(self) -> str:
        """Identify the ids and their tokenizer; hex sha256."""
        return sha256_json([self.tokenizer, self.windows])

    @property
    def length(self) -> int:
        """Tokens of a window."""
        return len(self.windows[0])

    @property
    def facts(self) -> dict[str, Any]:
        """Describe it for a card: how it was made, digests, counts."""
        return {
            **self.made,
            "digest": self.digest,
            "length": self.length,
            "samples": len(self.windows),
            "tokenizer": self.tokenizer,
        }


def draw(corpus: Corpus, tokens: Tokens, samples: int, length: int, seed: int) -> Calibration:
    """Draw `samples` windows of `length` tokens; the same arguments draw the same windows."""
    check_size(samples, length)
    stream = join(tokens, corpus.texts)
    last = len(stream) - length
    if last < 0:
        raise ColdforgeError(
            f"calibration text {corpus.name} has {len(stream)} tokens, a window needs {length}",
            "add text, or lower --length",
        )
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    starts = [chance.randrange(last + 1) for _ in range(samples)]
    made = {"corpus": corpus.name, "corpus_digest": corpus.digest, "seed": seed, "way": "drawn"}
    return Calibration([stream[at : at + length] for at in starts], tokens.digest, made)


def check_size(samples: int, length: int) -> None:
    """Raise ColdforgeError unless there is at least one window of one token."""
    if samples < 1 or length < 1:
        raise ColdforgeError(
            "calibration needs at least one sample of one token", "raise --samples or --length"
        )
