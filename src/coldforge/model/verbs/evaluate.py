"""Judge a model on text, alone or beside its original."""

import time
from pathlib import Path
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.checkpoint import read_checkpoint
from coldforge.model.corpus import Corpus, read_texts, standard_library
from coldforge.model.runtime import prepare
from coldforge.model.verbs.facts import WINDOW, circumstances, sizes
from coldforge.progress import step

LIMIT = 64  # windows judged unless asked otherwise


def run_evaluate(
    model: str,
    reference: str | None = None,
    text: str | None = None,
    window: int = WINDOW,
    limit: int = LIMIT,
) -> dict[str, Any]:
    """Judge `model` on `text`, else the default corpus's held-out files; compare to `reference`."""
    started = time.monotonic()
    checkpoint = read_checkpoint(Path(model))
    original = read_checkpoint(Path(reference)) if reference else None
    corpus = _judged(text)
    if window < 2:
        raise ColdforgeError(f"a window of {window} judges nothing", "choose --window of 2 or more")
    prepare()
    from coldforge.model.evaluate import score, windows
    from coldforge.model.load import load_model
    from coldforge.model.tokens import ModelTokens, join

    tokens = ModelTokens(checkpoint.folder)
    if original and ModelTokens(original.folder).digest != tokens.digest:
        raise ColdforgeError(
            f"{model} and {reference} have different tokenizers", "name its origin"
        )
    cut = windows(join(tokens, corpus.texts), window, limit)
    with step("Judging the model", len(cut) * (window - 1), "tokens") as judging:
        theirs = load_model(original) if original else None
        found = score(load_model(checkpoint), cut, theirs, judging.advance)
        judging.result = f"perplexity {found.perplexity:,.3f}"
    result: dict[str, Any] = {
        "model": model,
        "digest": checkpoint.digest,
        "perplexity": found.perplexity,
        "protocol": {
            "corpus": corpus.name,
            "corpus_digest": corpus.digest,
            "dtype": "float32",
            "stride": window,
            "tokenizer": tokens.digest,
            "tokens": found.tokens,
            "window": window,
            "windows": len(cut),
        },
        **sizes(checkpoint),
        **circumstances(started),
    }
    if found.divergence is not None and found.agreeing is not None:
        result["reference"] = {
            "model": reference,
            "kl": found.divergence / found.tokens,
            "top1_agreement": found.agreeing / found.tokens,
        }
    return result


def _judged(text: str | None) -> Corpus:
    return read_texts(Path(text)) if text else standard_library().split()[1]
