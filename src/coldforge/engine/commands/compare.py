"""Compare an engine with the checkpoint it was built of: logits, and the tokens that follow."""

import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.engine.agreement.comparison import TORCH, Comparison, Sides
from coldforge.engine.agreement.prompts import cut_prompts
from coldforge.engine.card import read_engine
from coldforge.engine.generate.load import load_libraries, refuse_damaged
from coldforge.engine.runtimes import runtimes
from coldforge.errors import ColdforgeError
from coldforge.evaluate.protocol import evaluation_corpus
from coldforge.model.card_facts import circumstances, refuse_changed
from coldforge.model.families.dimensions import dimensions
from coldforge.model.runtime import prepare
from coldforge.model.tokens import ModelTokens

LOSSLESS = 1e-4
"""Largest difference of a logit where nothing but the order of sums differs; the demo models of
all families, in four bits, show an eighth of it."""
INT8_INPUTS = 0.25
"""The same where the inputs of linear layers are rounded to int8; they show not half of it."""


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
    """Compare on beginnings of `text`, else of the default corpus's held-out files.

    It passes if every logit of the engine, of prompts and of a token after a cache that torch
    filled, is within `tolerance` of the checkpoint's in torch, weights decoded to float32, and if
    `tokens` greedy tokens are the same; a near tie is no fault. With int8 activations the tokens
    are only reported, as the distance to `original` always is.
    Raise ColdforgeError for an engine of another checkpoint and for what cannot be loaded.
    """
    started = time.monotonic()
    if tokens < 1:
        raise ColdforgeError("nothing to generate", "choose --tokens of 1 or more")
    sides = _read(checkpoint, engine, original)
    prepare()
    load_libraries(sides.engine)
    words = ModelTokens(sides.checkpoint.folder)
    _refuse_other_tokens(sides, words)
    room = dimensions(sides.checkpoint.config).positions - tokens
    cut = cut_prompts(words, evaluation_corpus(text or None), prompts, room)
    lossless = sides.engine.card["settings"]["activations"] == "float32"
    limit = tolerance or (LOSSLESS if lossless else INT8_INPUTS)
    work = Comparison(sides, cut.ids, limit)
    backends, greedy = work.backends(), work.greedy(tokens)
    said = circumstances("engine.compare", started)
    said["versions"] |= runtimes()
    return {
        **_named(sides, engine),
        "reference": TORCH,
        "tolerance": limit,
        "backends": backends,
        "greedy": {**greedy, "gated": lossless},
        "passed": backends[0]["within"] and (greedy["agrees"] or not lossless),
        "protocol": {"dtype": "float32", "prompts": len(cut.ids), **cut.facts},
        **said,
    }


def _named(sides: Sides, engine: str) -> dict[str, Any]:
    return {
        "engine": engine,
        "digest": sides.engine.card["digest"],
        "precision": sides.engine.precision,
        "checkpoint": sides.checkpoint.digest,
        "original": sides.original.digest if sides.original else None,
    }


def _read(checkpoint: str, engine: str, original: str) -> Sides:
    found = read_engine(Path(engine))
    source = read_checkpoint(Path(checkpoint))
    sides = Sides(source, found, read_checkpoint(Path(original)) if original else None)
    for item in filter(None, (source, sides.original)):
        refuse_changed(item)
    if found.card["checkpoint"] != source.digest:
        raise ColdforgeError(
            f"{engine} was not built of {checkpoint}",
            f"name the checkpoint with the digest {found.card['checkpoint'][:12]}",
        )
    refuse_damaged(found)
    return sides


def _refuse_other_tokens(sides: Sides, words: ModelTokens) -> None:
    if sides.original and ModelTokens(sides.original.folder).digest != words.digest:
        raise ColdforgeError(
            f"{sides.original.folder} and {sides.checkpoint.folder} have different tokenizers",
            "name the checkpoint's origin",
        )
