"""Compare an engine with the checkpoint it was built of: logits, and the tokens that follow.

Prompts are the beginnings of held-out texts, of several lengths.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.agreement.comparison import TORCH, Compared, Comparison
from coldforge.engine.backend import find_backend, runtimes
from coldforge.engine.card import read_engine
from coldforge.engine.generate import load_libraries, refuse_damaged
from coldforge.errors import ColdforgeError
from coldforge.evaluate.perplexity import first_tokens
from coldforge.evaluate.protocol import evaluation_corpus
from coldforge.model.card_facts import circumstances, refuse_changed
from coldforge.model.corpus import Corpus
from coldforge.model.families.dimensions import dimensions
from coldforge.model.runtime import prepare
from coldforge.model.tokens import ModelTokens, Tokens

LOSSLESS = 1e-4
"""Largest difference of a logit where only the order of sums differs; the demo models of
all families, in four bits, show an eighth of it."""
INT8_INPUTS = 0.25
"""The same where the inputs of linear layers are rounded to int8; they show less than half."""
LENGTHS = (64, 2, 33, 17)
"""Tokens of the prompts, in turn; short, because each token gives a row of logits."""


def run_compare(  # noqa: PLR0913 - a flag each
    checkpoint: str,
    engine: str,
    original: str = "",
    *,
    tolerance: float | None = None,
    prompts: int = 16,
    tokens: int = 64,
    text: str = "",
) -> dict[str, Any]:
    """Compare on the beginnings of `text`, else of the default corpus's held-out files.

    It passes if every logit of the engine, of prompts and of a token after a cache that torch
    filled, is within `tolerance` of the checkpoint's in torch, weights decoded to float32, and if
    `tokens` greedy tokens are the same but for near ties. With int8 activations the tokens
    are only reported, as the distance to `original` always is.
    Raise ColdforgeError for an engine of another checkpoint and for what cannot be loaded.
    """
    started = time.monotonic()
    if tokens < 1:
        raise ColdforgeError("nothing to generate", "choose --tokens of 1 or more")
    compared = _read(checkpoint, engine, original)
    prepare()
    load_libraries(compared.engine)
    words = ModelTokens(compared.checkpoint.folder)
    _refuse_other_tokens(compared, words)
    room = dimensions(compared.checkpoint.config).positions - tokens
    cut = cut_prompts(words, evaluation_corpus(text or None), prompts, room)
    lossless = find_backend(compared.engine.backend).lossless(compared.engine)
    limit = tolerance or (LOSSLESS if lossless else INT8_INPUTS)
    work = Comparison(compared, cut.ids, limit)
    backends, greedy = work.backends(), work.greedy(tokens)
    facts = circumstances("engine.compare", started)
    facts["versions"] |= runtimes()
    return {
        **_named(compared, engine),
        "reference": TORCH,
        "tolerance": limit,
        "backends": backends,
        "greedy": {**greedy, "gated": lossless},
        "passed": backends[0]["within"] and (greedy["agrees"] or not lossless),
        "protocol": {"dtype": "float32", "prompts": len(cut.ids), **cut.facts},
        **facts,
    }


def _named(compared: Compared, engine: str) -> dict[str, Any]:
    return {
        "engine": engine,
        "digest": compared.engine.card["digest"],
        "precision": compared.engine.precision,
        "checkpoint": compared.checkpoint.digest,
        "original": compared.original.digest if compared.original else None,
    }


def _read(checkpoint: str, engine: str, original: str) -> Compared:
    found = read_engine(Path(engine))
    source = read_checkpoint(Path(checkpoint))
    compared = Compared(source, found, read_checkpoint(Path(original)) if original else None)
    for item in filter(None, (source, compared.original)):
        refuse_changed(item)
    if found.card["checkpoint"] != source.digest:
        raise ColdforgeError(
            f"{engine} was not built of {checkpoint}",
            f"name the checkpoint with the digest {found.card['checkpoint'][:12]}",
        )
    refuse_damaged(found)
    return compared


def _refuse_other_tokens(compared: Compared, words: ModelTokens) -> None:
    if compared.original and ModelTokens(compared.original.folder).digest != words.digest:
        raise ColdforgeError(
            f"the tokenizers of {compared.original.folder} and {compared.checkpoint.folder} differ",
            "name the checkpoint's origin",
        )


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
