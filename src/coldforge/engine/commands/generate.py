"""Continue a prompt with an engine."""

import time
from pathlib import Path
from typing import Any

from coldforge.engine.card import read_engine
from coldforge.engine.generate.answer import stream as following
from coldforge.engine.generate.load import load_runner
from coldforge.errors import ColdforgeError
from coldforge.model.card_facts import circumstances
from coldforge.model.generation.generate import printed
from coldforge.model.runtime import prepare


def run_generate(
    model: str, prompt: str, max_new_tokens: int = 64, stream: bool = False
) -> dict[str, Any]:
    """Continue `prompt` with an engine; with `stream`, write the text to stdout as it grows."""
    started = time.monotonic()
    if max_new_tokens < 1:
        raise ColdforgeError("nothing to do: no new tokens", "choose --max-new-tokens of 1 or more")
    found = read_engine(Path(model))
    prepare()
    from coldforge.model.generation.generate import pieces
    from coldforge.model.tokens import ModelTokens

    runner, tokens = load_runner(found), ModelTokens(found.folder)
    chosen = following(runner, tokens.encode([prompt])[0], max_new_tokens, tokens.end)
    text = printed(prompt, pieces(tokens, chosen), stream)
    said = {"engine": model, "prompt": prompt, "text": text}
    return {**said, **circumstances("generate", started)}
