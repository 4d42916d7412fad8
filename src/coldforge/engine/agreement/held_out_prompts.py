"""Prompts for comparisons: the beginnings of held-out texts, of several lengths."""

from dataclasses import dataclass
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.evaluate.perplexity import first_tokens
from coldforge.model.corpus import Corpus
from coldforge.model.tokens import Tokens

LENGTHS = (64, 2, 33, 17)
"""Tokens of the prompts, in turn; short, because each token gives a row of logits."""


@dataclass(frozen=True)
class Prompts:
    """Token ids, and the facts that identify them."""

    ids: list[list[int]]
    facts: dict[str, Any]


def cut_prompts(tokens: Tokens, corpus: Corpus, count: int, most: int) -> Prompts:
    """Cut `count` prompts of at most `most` tokens from a corpus, without overlap.

    Raise ColdforgeError where there is no room for any, or no text.
    """
    length = min(LENGTHS[0], most)
    if length < 2 or count < 1:
        raise ColdforgeError(
            "no prompt of two tokens or more is left",
            "choose fewer --tokens, and --prompts of 1 or more",
        )
    encoded = (tokens.encode([text])[0] for text in corpus.texts)
    stream = first_tokens(encoded, tokens.end, count * length)
    starts = range(0, len(stream) - length + 1, length)[:count]
    ids = [
        stream[at : at + min(length, LENGTHS[place % len(LENGTHS)])]
        for place, at in enumerate(starts)
    ]
    if not ids:
        raise ColdforgeError(f"the text has {len(stream)} tokens, a prompt {length}", "add text")
    facts = {
        "corpus": corpus.name,
        "corpus_digest": corpus.digest,
        "lengths": [len(item) for item in ids],
        "tokenizer": tokens.digest,
    }
    return Prompts(ids, facts)
