"""Calibration samples: windows of tokens drawn from text by a seed."""

import random
from dataclasses import dataclass
from functools import cached_property

from coldforge.digest import sha256_json
from coldforge.errors import ColdforgeError
from coldforge.model.corpus import Corpus
from coldforge.model.tokens import Tokens, join


@dataclass(frozen=True)
class Calibration:
    """Windows of equal length, and the corpus they were drawn from."""

    corpus: Corpus
    windows: list[list[int]]

    @cached_property
    def digest(self) -> str:
        """Identify the very tokens; hex sha256."""
        return sha256_json(self.windows)

    @property
    def facts(self) -> dict[str, object]:
        """Describe it for a card: corpus, digests, counts."""
        return {
            "corpus": self.corpus.name,
            "corpus_digest": self.corpus.digest,
            "digest": self.digest,
            "samples": len(self.windows),
            "length": len(self.windows[0]),
        }


def draw(corpus: Corpus, tokens: Tokens, samples: int, length: int, seed: int) -> Calibration:
    """Draw `samples` windows of `length` tokens; the same arguments draw the same windows."""
    if samples < 1 or length < 1:
        raise ColdforgeError(
            "calibration needs at least one sample of one token", "raise --samples or --length"
        )
    stream = join(tokens, corpus.texts)
    room = len(stream) - length
    if room < 0:
        raise ColdforgeError(
            f"calibration text {corpus.name} has {len(stream)} tokens, a window needs {length}",
            "add text, or lower --length",
        )
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    starts = [chance.randrange(room + 1) for _ in range(samples)]
    return Calibration(corpus, [stream[start : start + length] for start in starts])
