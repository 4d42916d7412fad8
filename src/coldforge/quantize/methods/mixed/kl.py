"""KL divergence of next-token distributions, from the hidden states after the last block."""

from collections.abc import Callable, Sequence
from typing import Any

from coldforge.model.deterministic import Workers
from coldforge.quantize.blockwise.skeleton import Skeleton

ROWS = 128
"""Positions computed at once; fixed, because it decides the order of summation."""


Stream = Callable[[int], Any]
"""Reads the hidden states of a window by its number, (1, tokens, width)."""


def divergences(
    skeleton: Skeleton, pool: Workers, windows: int, plain: Stream, others: Sequence[Stream]
) -> list[float]:
    """Return the mean Kullback-Leibler divergence from `plain` of each of `others`, nats a token.

    The last token of a window counts too: distributions are compared, not predictions of a text.
    """
    import torch

    norm, matrix = skeleton.head()

    def logs(hidden: Any) -> Any:  # noqa: ANN401 - tensors
        rows = norm(hidden.to(skeleton.device)) @ matrix.T
        return rows.double().log_softmax(-1)

    def window(at: int) -> tuple[int, list[float]]:
        hidden, sums = plain(at)[0], [0.0] * len(others)
        for start in range(0, len(hidden), ROWS):
            span = slice(start, start + ROWS)
            target = logs(hidden[span])
            shares = target.exp()
            for index, other in enumerate(others):
                found = target - logs(other(at)[0, span])
                sums[index] += float(found.mul_(shares).sum())
        return len(hidden), sums

    with torch.no_grad():
        found = pool.map(window, range(windows))
    tokens = sum(count for count, _ in found)
    each = zip(*(sums for _, sums in found), strict=True)
    return [max(0.0, sum(sums) / tokens) for sums in each]
