"""Continue a prompt, the likeliest token each time."""

from collections.abc import Iterator
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.model.tokens import ModelTokens


def continuation(
    model: Any,  # noqa: ANN401 - a Transformers model
    tokens: ModelTokens,
    prompt: str,
    most: int,
) -> Iterator[int]:
    """Yield at most `most` new token ids, greedily; the end token stops it and is not yielded."""
    import torch

    ids = tokens.encode([prompt])[0]
    if not ids or most < 1:
        raise ColdforgeError("nothing to do: empty prompt or no new tokens", "give --prompt TEXT")
    room = int(getattr(model.config, "max_position_embeddings", 0)) or len(ids) + most
    if len(ids) >= room:
        raise ColdforgeError(
            f"the prompt has {len(ids)} tokens, the model takes {room}", "shorten it"
        )
    past, feed = None, torch.tensor([ids])
    with torch.inference_mode():
        for _ in range(min(most, room - len(ids))):
            output = model(feed, past_key_values=past, use_cache=True)
            chosen = int(output.logits[0, -1].argmax())
            if chosen == tokens.end:
                return
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
