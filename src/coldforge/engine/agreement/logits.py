"""Backends' logits on the same inputs, compared by Polygraphy an input at a time.

Inputs go by name: token ids, without a cache or with one from torch.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from coldforge.engine.agreement.distance import Distance, next_tokens
from coldforge.engine.onnxruntime.graph.export import cache_names, inputs_of
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import Dimensions

Feed = dict[str, Any]
"""Input name -> array."""
PREFILL, DECODE = "prefill", "decode"
"""The two phases of generation: a prompt without a cache, then one token with a filled one."""
LOGITS = "logits"


def feeds(phase: str, model: Any, size: Dimensions, prompts: list[list[int]]) -> Iterator[Feed]:  # noqa: ANN401 - a Transformers model
    """Yield a feed for each prompt: all but its last token, or the last one with a cache."""
    import numpy as np

    for ids in prompts:
        whole = np.array([ids], dtype=np.int64)
        if phase == PREFILL:
            yield inputs_of(size, whole[:, :-1])
        else:
            yield inputs_of(size, whole[:, -1:], _filled(model, size, whole[:, :-1]))


def run(model: Any, size: Dimensions, feed: Feed) -> tuple[Any, Any]:  # noqa: ANN401
    """Run a Transformers model on a feed; return its logits, a tensor, and its grown cache.

    Every block's cache is complete, also where attention has a window.
    """
    import torch
    from transformers import DynamicCache

    cache = DynamicCache()
    pairs = [[torch.from_numpy(feed[name]) for name in pair] for pair in cache_names(size)]
    if pairs[0][0].shape[2]:
        for block, (keys, values) in enumerate(pairs):
            cache.update(keys, values, block)
    with torch.inference_mode():
        ids = torch.from_numpy(feed["input_ids"])
        return model(ids, past_key_values=cache, use_cache=True).logits, cache


def _filled(model: Any, size: Dimensions, ids: Any) -> Feed:  # noqa: ANN401
    """Return the cache after some tokens, by input name."""
    _, cache = run(model, size, inputs_of(size, ids))
    return {
        name: tensor.numpy()
        for pair, layer in zip(cache_names(size), cache.layers, strict=True)
        for name, tensor in zip(pair, (layer.keys, layer.values), strict=True)
    }


class Tally:
    """A comparison function of Polygraphy that sums distances by the names of each pair."""

    def __init__(self, tolerance: float) -> None:
        """Compare each logit's absolute difference with `tolerance`."""
        from polygraphy.comparator import SimpleCompareFunc

        # Its verdict needs one of both tolerances to hold: a relative one of 0 never does.
        self._simple = SimpleCompareFunc(atol=tolerance, rtol=0, check_error_stat="max")
        self.found: dict[tuple[str, str], Distance] = {}

    def __call__(self, source: Any, other: Any) -> dict[str, Any]:  # noqa: ANN401
        """Compare two IterationResults; raise ColdforgeError for logits of other shapes."""
        found = self._simple(source, other)[LOGITS]
        if isinstance(found, bool):
            raise ColdforgeError(
                f"{source.runner_name} and {other.runner_name} have different vocabularies",
                "compare models of one origin",
            )
        rows = [item[LOGITS].reshape(-1, item[LOGITS].shape[-1]) for item in (source, other)]
        distance = Distance(
            len(rows[0]),
            found.max_absdiff,
            found.mean_absdiff,
            found.max_reldiff,
            *next_tokens(*rows),
            within=bool(found),
        )
        pair = (source.runner_name, other.runner_name)
        self.found[pair] = self.found.get(pair, Distance()) + distance
        return {LOGITS: found}


def compare_logits(runners: list[Any], fed: Iterable[Feed], tolerance: float) -> list[Distance]:
    """Run all on each feed; return the distance of each but the first from the first.

    One input's logits are in memory at a time.
    """
    from polygraphy.comparator import Comparator
    from polygraphy.exception import PolygraphyException
    from polygraphy.logger import G_LOGGER

    tally = Tally(tolerance)
    pairs = [(0, at) for at in range(1, len(runners))]
    with G_LOGGER.verbosity(G_LOGGER.CRITICAL):
        try:
            stream = Comparator.run(runners, fed, streaming=True)
            Comparator.compare_accuracy(stream, comparisons=pairs, compare_func=tally)
        except PolygraphyException as error:
            first = (str(error).splitlines() or ["no reason given"])[0]
            raise ColdforgeError(f"Polygraphy: {first}", "build the engine again") from error
    return [tally.found[runners[0].name, item.name] for item in runners[1:]]
