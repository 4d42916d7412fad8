"""Judge a model on held-out text: perplexity, and how far it strays from a reference."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from coldforge.errors import ColdforgeError

BATCH = 2  # windows run at once; more is slower, the allocator maps larger tensors anew


@dataclass(frozen=True)
class Score:
    """Sums over every judged token; a token is judged by what precedes it in its window."""

    tokens: int
    nll: float
    """Negative log-likelihood, nats."""
    divergence: float | None = None
    """Kullback-Leibler divergence from the reference's next-token distribution, nats."""
    agreeing: int | None = None
    """Tokens at which both models rank the same token first."""

    @property
    def perplexity(self) -> float:
        """Return e to the mean negative log-likelihood."""
        mean = self.nll / self.tokens
        return math.exp(mean) if mean < 700 else math.inf


def windows(stream: list[int], length: int, limit: int) -> list[list[int]]:
    """Cut a token stream into at most `limit` windows without overlap; the rest is dropped."""
    count = min(limit, len(stream) // length)
    if count < 1:
        raise ColdforgeError(
            f"the text has {len(stream)} tokens, a window needs {length}",
            "add text, or lower --window",
        )
    return [stream[at * length : (at + 1) * length] for at in range(count)]


def score(
    model: Any,  # noqa: ANN401 - a Transformers model
    cut: list[list[int]],
    reference: Any = None,  # noqa: ANN401 - a Transformers model
    advance: Callable[[int], None] = lambda count: None,
) -> Score:
    """Run the windows through the model, and through the reference if there is one."""
    import torch

    tokens, nll, divergence, agreeing = 0, 0.0, 0.0, 0
    with torch.inference_mode():
        for batch in _batches(cut):
            ids = torch.tensor(batch)
            wanted = ids[:, 1:]
            ours = _log_probabilities(model, ids)
            nll -= ours.gather(2, wanted[..., None]).double().sum().item()
            tokens += wanted.numel()
            if reference is not None:
                theirs = _log_probabilities(reference, ids)
                divergence += (theirs.exp() * (theirs - ours)).double().sum().item()
                agreeing += int((ours.argmax(-1) == theirs.argmax(-1)).sum().item())
            advance(wanted.numel())
    if reference is None:
        return Score(tokens, nll)
    return Score(tokens, nll, divergence, agreeing)


def _log_probabilities(model: Any, ids: Any) -> Any:  # noqa: ANN401 - model and tensors
    return model(ids, use_cache=False).logits[:, :-1].float().log_softmax(-1)


def _batches(cut: list[list[int]]) -> Iterator[list[list[int]]]:
    for at in range(0, len(cut), BATCH):
        yield cut[at : at + BATCH]
