"""How far next-token distributions stray, computed from the hidden states after the last block."""

from collections.abc import Callable, Sequence
from typing import Any

from coldforge.model.deterministic import Workers
from coldforge.quantize.blockwise.skeleton import Spine

ROWS = 128
"""Positions whose distributions are held at once; fixed, for sums are taken over them."""


Stream = Callable[[int], Any]
"""Reads the hidden states of a window by its number, (1, tokens, width)."""


def divergences(
    spine: Spine, pool: Workers, windows: int, plain: Stream, others: Sequence[Stream]
) -> list[float]:
    """Return the mean Kullback-Leibler divergence from `plain` of each of `others`, nats a token.

    The last token of a window counts: what it predicts is compared, not whether it comes true.
    """
    import torch

    norm, matrix = spine.head()

    def logs(hidden: Any) -> Any:  # noqa: ANN401 - tensors
        rows = norm(hidden.to(spine.device)) @ matrix.T
        return rows.double().log_softmax(-1)

    def window(at: int) -> tuple[int, list[float]]:
        hidden, sums = plain(at)[0], [0.0] * len(others)
        for start in range(0, len(hidden), ROWS):
            span = slice(start, start + ROWS)
            wanted = logs(hidden[span])
            shares = wanted.exp()
            for index, other in enumerate(others):
                found = wanted - logs(other(at)[0, span])
                sums[index] += float(found.mul_(shares).sum())
        return len(hidden), sums

    with torch.no_grad():
        found = pool.map(window, range(windows))
    tokens = sum(count for count, _ in found)
    each = zip(*(sums for _, sums in found), strict=True)
    return [max(0.0, sum(sums) / tokens) for sums in each]
