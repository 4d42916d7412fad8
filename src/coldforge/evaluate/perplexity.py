"""Perplexity on held-out text, and KL divergence from a reference."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.evaluate.intervals import MeanEstimate, mean
from coldforge.model.deterministic import cores, workers

ROWS = 128  # positions computed at once; fixed: it decides the order of summation
LOGITS = 3 << 30  # bytes of logits that concurrent windows may take


@dataclass(frozen=True)
class Window:
    """Sums over the evaluated tokens of one window, natural logarithms."""

    tokens: int
    nll: float
    """Negative log-likelihood."""
    reference_nll: float = 0.0
    divergence: float = 0.0
    """Kullback-Leibler divergence from the reference's next-token distribution."""
    agreeing: int = 0
    """Tokens at which both models rank the same token first."""


@dataclass(frozen=True)
class Score:
    """The result, window by window; a token is predicted from those before it in its window."""

    windows: tuple[Window, ...]
    compared: bool = False
    """Whether a reference ran on the same windows."""

    @property
    def tokens(self) -> int:
        """Count the evaluated tokens."""
        return sum(item.tokens for item in self.windows)

    @property
    def perplexity(self) -> float:
        """Return e to the mean negative log-likelihood."""
        return self.perplexity_estimate.value

    @property
    def perplexity_estimate(self) -> MeanEstimate:
        """Return the perplexity with its interval."""
        return mean([item.nll / item.tokens for item in self.windows]).map(power)

    @property
    def reference_perplexity(self) -> MeanEstimate:
        """Return the reference's perplexity on the same tokens."""
        return mean([item.reference_nll / item.tokens for item in self.windows]).map(power)

    @property
    def ratio(self) -> MeanEstimate:
        """Return perplexity over the reference's; paired, as both ran on the same windows."""
        gaps = [(item.nll - item.reference_nll) / item.tokens for item in self.windows]
        return mean(gaps).map(power)

    @property
    def kl(self) -> MeanEstimate:
        """Return the mean divergence from the reference, nats a token."""
        return mean([item.divergence / item.tokens for item in self.windows])

    @property
    def top1(self) -> MeanEstimate:
        """Return the share of tokens at which both rank the same token first."""
        return mean([item.agreeing / item.tokens for item in self.windows], 0.0, 1.0)


def power(exponent: float) -> float:
    """Return e to the exponent, infinite where a float cannot hold it."""
    return math.exp(exponent) if exponent < 700 else math.inf


def windows(stream: list[int], length: int, limit: int) -> list[list[int]]:
    """Cut a token stream into at most `limit` windows without overlap; the rest is dropped."""
    check_window(length, limit)
    count = min(limit, len(stream) // length)
    if count < 1:
        raise ColdforgeError(
            f"the text has {len(stream)} tokens, a window needs {length}",
            "add text, or lower --window",
        )
    return [stream[at * length : (at + 1) * length] for at in range(count)]


def check_window(length: int, limit: int) -> None:
    """Raise ColdforgeError for windows without a token to predict: the first has no context."""
    if length < 2:
        raise ColdforgeError(
            f"a window of {length} has nothing to predict", "choose --window of 2 or more"
        )
    if limit < 1:
        raise ColdforgeError(
            f"{limit} windows have nothing to predict", "choose --limit of 1 or more"
        )


def first_tokens(encoded: Iterable[list[int]], end: int, count: int) -> list[int]:
    """Join texts' ids, each followed by `end`, until there are `count` tokens."""
    stream: list[int] = []
    for ids in encoded:
        stream += [*ids, end]
        if len(stream) >= count:
            break
    return stream


def score(
    model: Any,  # noqa: ANN401 - a Transformers model
    cut: list[list[int]],
    reference: Any = None,  # noqa: ANN401 - a Transformers model
    advance: Callable[[int], None] = lambda count: None,
    threads: int | None = None,
) -> Score:
    """Run windows of equal length through the model, and through the reference if there is one.

    A thread computes a complete window: the number of threads does not change the result.
    """

    def work(window: list[int]) -> Window:
        done = _run(model, reference, window)
        advance(done.tokens)
        return done

    models = 1 if reference is None else 2
    words = int(getattr(getattr(model, "config", None), "vocab_size", 1))
    most = LOGITS // (4 * models * words * len(cut[0]))
    with workers(max(1, min(threads or cores(), len(cut), most))) as pool:
        return Score(tuple(pool.map(work, cut)), reference is not None)


def _run(model: Any, reference: Any, window: list[int]) -> Window:  # noqa: ANN401
    import torch

    with torch.inference_mode():
        ids = torch.tensor([window])
        logits = _logits(model, ids)
        reference_logits = None if reference is None else _logits(reference, ids)
        nll = reference_nll = divergence = 0.0
        agreeing = 0
        for at in range(0, len(window) - 1, ROWS):
            target = ids[0, 1:][at : at + ROWS, None]
            found = logits[at : at + ROWS].float().log_softmax(-1)
            nll -= _total(found.gather(1, target))
            if reference_logits is None:
                continue
            other = reference_logits[at : at + ROWS].float().log_softmax(-1)
            reference_nll -= _total(other.gather(1, target))
            agreeing += int((found.argmax(-1) == other.argmax(-1)).sum().item())
            divergence += _total((other - found).mul_(other.exp_()))
    return Window(len(window) - 1, nll, reference_nll, divergence, agreeing)


def _logits(model: Any, ids: Any) -> Any:  # noqa: ANN401 - model and tensors
    return model(ids, use_cache=False).logits[0, :-1]


def _total(terms: Any) -> float:  # noqa: ANN401 - a tensor
    """Sum in float64."""
    return float(terms.double().sum().item())
