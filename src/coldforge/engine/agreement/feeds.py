"""The inputs of every backend by name: token ids, without a cache or with one from torch."""

from collections.abc import Iterator
from typing import Any

from coldforge.engine.onnxruntime.graph.export import cache_names, inputs_of
from coldforge.model.families.dimensions import Dimensions

Feed = dict[str, Any]
"""Input name -> array."""
PREFILL, DECODE = "prefill", "decode"
"""The two phases of generation: a prompt without a cache, then one token with a filled one."""


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
