"""Continue a prompt, the likeliest token each time unless someone else chooses."""

from collections.abc import Callable, Iterator
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.runtime import threads
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
    ids, room = start(model, tokens, prompt, most)
    for chosen in following(model, ids, min(most, room), choose):
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
        raise ColdforgeError("nothing to do: empty prompt or no new tokens", "give --prompt TEXT")
    room = int(getattr(model.config, "max_position_embeddings", 0)) or len(ids) + most
    if len(ids) >= room:
        raise ColdforgeError(
            f"the prompt has {len(ids)} tokens, the model takes {room}", "shorten it"
        )
    return ids, room - len(ids)


def following(
    model: Any,  # noqa: ANN401 - a Transformers model
    ids: list[int],
    count: int,
    choose: Callable[[Any], int] | None = None,
) -> Iterator[int]:
    """Yield `count` ids that follow `ids`, the end token among them.

    Computed with one thread: sums split over several round otherwise, and where two tokens are
    nearly as likely the machine would choose.
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
    """Turn ids into text as it grows; a character of several tokens waits until it is whole."""
    ids: list[int] = []
    said = ""
    for token in chosen:
        ids.append(token)
        text = tokens.tokenizer.decode(ids)
        if not text.endswith("\N{REPLACEMENT CHARACTER}"):
            yield text[len(said) :]
            said = text
    if ids:
        yield tokens.tokenizer.decode(ids)[len(said) :]
