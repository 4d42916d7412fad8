"""A checkpoint becomes an ONNX graph with a cache, its quantised codes as they are."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.onnxruntime.graph.attention import BATCH, LENGTH, Attention
from coldforge.engine.onnxruntime.graph.gpt2 import gpt2
from coldforge.engine.onnxruntime.graph.graph import Graph
from coldforge.engine.onnxruntime.graph.linear import Linears, add_head
from coldforge.engine.onnxruntime.graph.llama import llama
from coldforge.engine.onnxruntime.graph.weights import Weights
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import Dimensions, dimensions
from coldforge.model.families.family import Family

BUILDERS: dict[tuple[str, str, tuple[int, ...]], Callable[..., str]] = {
    ("layer", "learned", (1, 1, 1, 1)): gpt2,
    ("rms", "rotary", (3, 1, 2, 1)): llama,
}
"""Kind of norm, kind of positions, linear layers that share an input -> what adds the blocks."""


def export(checkpoint: Checkpoint, folder: Path, int8_activations: bool = False) -> dict[str, str]:
    """Write model.onnx and its data into `folder`; return how each linear layer is stored.

    Lossless: weights decode to the checkpoint's, inputs stay float32. With `int8_activations`,
    inputs of quantised layers are rounded to int8, block by block, and so is the head's weight.
    Raise ColdforgeError for what the graph cannot hold.
    """
    size = dimensions(checkpoint.config)
    build = builder_of(size.family)
    graph = Graph(folder)
    linears = Linears(graph, Weights(checkpoint), int8_activations)
    with closing(graph.data):
        states = build(graph, linears, Attention(graph, size), checkpoint.config)
        add_head(linears, states, size)
        graph.output("logits", "float32", [BATCH, LENGTH, size.vocab])
        graph.save()
    return linears.stored


def builder_of(family: Family) -> Callable[..., str]:
    """Find the graph of a family's kind; raise ColdforgeError if there is none."""
    layout = tuple(len(stage.layers) for stage in family.stages)
    found = BUILDERS.get((family.norm, family.positions, layout))
    if found is None:
        raise ColdforgeError(
            f"ONNX Runtime engines of {family.name} models cannot be built: {family.norm} norms, "
            f"{family.positions} positions, {layout} layers that share an input",
            f"add a graph for it to {__name__}.BUILDERS",
        )
    return found


def inputs_of(
    size: Dimensions,
    ids: Any,  # noqa: ANN401 - an array
    cache: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Make what a session takes for token ids, int64 (batch, length).

    `cache` holds what came before, float32 (batch, heads, past, head_dim) by input name; without
    it nothing did.
    """
    import numpy as np

    past = cache or empty_cache(size, len(ids))
    before = next(iter(past.values())).shape[2]
    mask = np.ones((len(ids), before + ids.shape[1]), dtype=np.int64)
    fed = {"input_ids": ids, "attention_mask": mask, **past}
    if size.family.positions == "learned":
        places = np.arange(before, mask.shape[1], dtype=np.int64)
        fed["position_ids"] = np.tile(places, (len(ids), 1))
    return fed


def empty_cache(size: Dimensions, batch: int) -> dict[str, Any]:
    """Make a cache without tokens, by input name."""
    import numpy as np

    empty = np.zeros((batch, size.kv_heads, 0, size.head_dim), dtype=np.float32)
    return {name: empty for pair in cache_names(size) for name in pair}


def cache_names(size: Dimensions) -> list[tuple[str, str]]:
    """Name the inputs that hold each block's keys and values."""
    return [
        (f"past_key_values.{block}.key", f"past_key_values.{block}.value")
        for block in range(size.layers)
    ]
