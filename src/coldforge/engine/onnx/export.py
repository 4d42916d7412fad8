"""A checkpoint becomes an ONNX graph with a cache, its quantised codes as they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from coldforge.engine.dimensions import Dimensions, dimensions
from coldforge.engine.onnx.attention import BATCH, LENGTH, Attention
from coldforge.engine.onnx.gpt2 import gpt2
from coldforge.engine.onnx.graph import Graph
from coldforge.engine.onnx.head import add_head
from coldforge.engine.onnx.linear import FLOAT32, INT8, Linears
from coldforge.engine.onnx.llama import llama
from coldforge.engine.onnx.weights import Weights
from coldforge.model.checkpoint import Checkpoint

FAMILIES: dict[str, Callable[..., str]] = {
    "gpt2": gpt2, "llama": llama, "mistral": llama, "qwen2": llama,
}  # fmt: skip


def export(checkpoint: Checkpoint, folder: Path, eight: bool = False) -> dict[str, str]:
    """Write model.onnx and its data into `folder`; return how each linear layer is stored.

    Lossless: weights decode to what the checkpoint means, inputs stay float32. With `eight`,
    inputs of quantised layers are rounded to int8, block by block, and so is the head's weight.
    Raise ColdforgeError for what no graph of ours holds.
    """
    size = dimensions(checkpoint.config)
    graph, weights = Graph(folder), Weights(checkpoint)
    linears = Linears(graph, weights, INT8 if eight else FLOAT32)
    attention = Attention(graph, size)
    states = FAMILIES[size.kind](graph, linears, attention, checkpoint.config)
    add_head(linears, states, _head(weights, size), eight)
    graph.output("logits", "float32", [BATCH, LENGTH, size.vocab])
    graph.save()
    return linears.stored


def _head(weights: Weights, size: Dimensions) -> str:
    """Name the tensor that turns states into logits."""
    embedding = "transformer.wte" if size.kind == "gpt2" else "model.embed_tokens"
    return embedding if size.tied or not weights.find("lm_head.weight") else "lm_head"


def inputs_of(size: Dimensions, ids: Any) -> dict[str, Any]:  # noqa: ANN401 - an array
    """Make what a session takes for token ids, int64 (batch, length), with an empty cache."""
    import numpy as np

    fed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    if size.kind == "gpt2":
        fed["position_ids"] = np.tile(np.arange(ids.shape[1], dtype=np.int64), (len(ids), 1))
    empty = np.zeros((len(ids), size.kv_heads, 0, size.head_dim), dtype=np.float32)
    for block in range(size.layers):
        for kind in ("key", "value"):
            fed[f"past_key_values.{block}.{kind}"] = empty
    return fed
