"""Continue a prompt, with the likeliest token each time or by a given choice."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.card_facts import circumstances
from coldforge.model.runtime import prepare, threads
from coldforge.model.tokens import ModelTokens


def continuation(
    model: Any,  # noqa: ANN401 - a Transformers model
    tokens: ModelTokens,
    prompt: str,
    most: int,
    choose: Callable[[Any], int] | None = None,
) -> Iterator[int]:
    """Yield at most `most` new token ids; the end token stops it and is not yielded.

    `choose` takes the logits of the next token; without it the likeliest one is taken.
    """
    ids, left = start(model, tokens, prompt, most)
    for chosen in following(model, ids, min(most, left), choose):
        if chosen == tokens.end:
            return
        yield chosen


def start(
    model: Any,  # noqa: ANN401 - a Transformers model
    tokens: ModelTokens,
    prompt: str,
    most: int,
) -> tuple[list[int], int]:
    """Return the prompt's ids and how many may follow; raise ColdforgeError if none may."""
    ids = tokens.encode([prompt])[0]
    if not ids or most < 1:
        raise ColdforgeError("empty prompt, or no new tokens asked for", "give --prompt TEXT")
    limit = int(getattr(model.config, "max_position_embeddings", 0)) or len(ids) + most
    if len(ids) >= limit:
        raise ColdforgeError(
            f"the prompt has {len(ids)} tokens, the model takes {limit}", "shorten it"
        )
    return ids, limit - len(ids)


def following(
    model: Any,  # noqa: ANN401 - a Transformers model
    ids: list[int],
    count: int,
    choose: Callable[[Any], int] | None = None,
) -> Iterator[int]:
    """Yield `count` ids that follow `ids`, the end token included.

    Computed with one thread: sums split over several threads round differently, and the number of
    cores would decide between two tokens that are almost equally likely.
    """
    import torch

    past, feed = None, torch.tensor([ids])
    with torch.inference_mode(), threads(1):
        for _ in range(count):
            output = model(feed, past_key_values=past, use_cache=True)
            logits = output.logits[0, -1]
            chosen = choose(logits) if choose else int(logits.argmax())
            yield chosen
            past, feed = output.past_key_values, torch.tensor([[chosen]])


def pieces(tokens: ModelTokens, chosen: Iterator[int]) -> Iterator[str]:
    """Yield text as ids arrive; a character of several tokens is held back until it is complete."""
    ids: list[int] = []
    shown = ""
    for token in chosen:
        ids.append(token)
        text = tokens.tokenizer.decode(ids)
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):
            yield text[len(shown) :]
            shown = text
    if ids:
        yield tokens.tokenizer.decode(ids)[len(shown) :]


def run_generate(
    model: str, prompt: str, max_new_tokens: int = 64, stream: bool = False
) -> dict[str, Any]:
    """Continue `prompt`; with `stream`, write the text to stdout as it is made."""
    started = time.monotonic()
    checkpoint = read_checkpoint(Path(model))
    prepare()
    from coldforge.model.loading.load import load_model

    tokens = ModelTokens(checkpoint.folder)
    loaded = load_model(checkpoint)
    chosen = continuation(loaded, tokens, prompt, max_new_tokens)
    text = printed(prompt, pieces(tokens, chosen), stream)
    return {"model": model, "prompt": prompt, "text": text, **circumstances("generate", started)}


def printed(prompt: str, parts: Iterator[str], stream: bool) -> str:
    """Join the parts of a text; with `stream`, write prompt and parts to stdout as they arrive."""
    if stream:
        sys.stdout.write(prompt)
    text = ""
    for part in parts:
        text += part
        if stream:
            sys.stdout.write(part)
            sys.stdout.flush()
    return text
