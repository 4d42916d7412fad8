"""Continue a prompt with a model."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.model.card_facts import circumstances
from coldforge.model.runtime import prepare


def run_generate(
    model: str, prompt: str, max_new_tokens: int = 64, stream: bool = False
) -> dict[str, Any]:
    """Continue `prompt`; with `stream`, write the text to stdout as it grows."""
    started = time.monotonic()
    checkpoint = read_checkpoint(Path(model))
    prepare()
    from coldforge.model.generation.generate import continuation, pieces
    from coldforge.model.loading.load import load_model
    from coldforge.model.tokens import ModelTokens

    tokens = ModelTokens(checkpoint.folder)
    loaded = load_model(checkpoint)
    chosen = continuation(loaded, tokens, prompt, max_new_tokens)
    text = spoken(prompt, pieces(tokens, chosen), stream)
    return {"model": model, "prompt": prompt, "text": text, **circumstances("generate", started)}


def spoken(prompt: str, parts: Iterator[str], stream: bool) -> str:
    """Join a text that grows; with `stream`, write it to stdout as it does, after its prompt."""
    if stream:
        sys.stdout.write(prompt)
    text = ""
    for part in parts:
        text += part
        if stream:
            sys.stdout.write(part)
            sys.stdout.flush()
    return text
