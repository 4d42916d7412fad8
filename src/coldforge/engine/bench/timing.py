"""Latency and throughput from the times of tokens, by the field's definitions.

TTFT is the wait for the first token, E2E for the last one; TPOT = (E2E - TTFT) / (n - 1), one
value a request; ITL pools every gap between two tokens. As vLLM's bench, trtllm-bench and AIPerf
count them.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Any

from coldforge.model.process_stats import quantile

METRICS = ("ttft_ms", "tpot_ms", "itl_ms", "e2e_ms")
SHARES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
PERCENTILES = "interpolated linearly between the two nearest of the sorted values"

Moments = Sequence[float]
"""When each token of a request came, seconds from its start; at least one."""


def gaps(at: Moments) -> list[float]:
    """List the waits between tokens, seconds."""
    return [later - earlier for earlier, later in pairwise(at)]


def tpot(at: Moments) -> float | None:
    """Return the mean wait for a token after the first, seconds; None where there is one token."""
    return (at[-1] - at[0]) / (len(at) - 1) if len(at) > 1 else None


def summarise(values: Sequence[float]) -> dict[str, float] | None:
    """Return mean and percentiles in milliseconds of seconds; None without values."""
    if not values:
        return None
    ordered = sorted(1000 * value for value in values)
    shares = {name: quantile(ordered, share) for name, share in SHARES.items()}
    return {"mean": fmean(ordered), **shares}


def speeds(requests: Sequence[Moments], batch_size: int) -> dict[str, Any]:
    """Summarise a cell's requests, each of `batch_size` prompts answered together."""
    return {
        "ttft_ms": summarise([at[0] for at in requests]),
        "tpot_ms": summarise([wait for at in requests if (wait := tpot(at)) is not None]),
        "itl_ms": summarise([gap for at in requests for gap in gaps(at)]),
        "e2e_ms": summarise([at[-1] for at in requests]),
        "output_tokens_per_s": median(batch_size * len(at) / at[-1] for at in requests),
    }


def speedups(paces: Sequence[float], base: int) -> list[float | None]:
    """Divide each engine's tokens per second by those of `base`; None for itself."""
    return [None if at == base else pace / paces[base] for at, pace in enumerate(paces)]


def base_of(engines: Sequence[Mapping[str, Any]]) -> int:
    """Choose the baseline: the first unquantised engine, else the first."""
    plain = (at for at, one in enumerate(engines) if str(one["precision"]).startswith(("fp", "bf")))
    return next(plain, 0)
