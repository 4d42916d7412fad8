"""The head: from the last hidden states to logits. Float32 where the checkpoint's is plain."""

from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.engine.onnxruntime.graph.linear import Linears
from coldforge.engine.onnxruntime.graph.matmul_nbits import pack
from coldforge.engine.onnxruntime.graph.weights import HEAD, Weights
from coldforge.model.families.dimensions import Dimensions

GROUP = 32
"""Weights of the int8 head that share a scale."""


def add_head(linears: Linears, states: str, size: Dimensions) -> None:
    """Multiply by the head: the graph's logits."""
    weight = head_weight(linears.weights, size, linears.int8_activations)
    graph = linears.graph
    if isinstance(weight, Quantized):
        product = linears.nbits(HEAD, states, pack(HEAD, weight, linears.int8_activations))
    else:
        table = graph.tensor(f"{HEAD}.weight", weight)
        product = graph.node("MatMul", [states, table], f"{HEAD}.product")
        linears.stored[HEAD] = "float32"
    graph.node("Identity", [product], "logits")


def head_weight(weights: Weights, size: Dimensions, int8_activations: bool) -> Any:  # noqa: ANN401
    """Read the head, or the embedding where they are tied, as a graph holds it.

    Quantized, or a plain float32 array (in_features, out_features); with `int8_activations` a
    plain one is rounded.
    """
    own = weights.find(HEAD) or weights.find(f"{HEAD}.weight")
    if own and not size.tied:
        weight = weights.linear(HEAD)
    else:
        weight = weights.array(f"{size.family.embedding}.weight").T
    return rounded(weight) if int8_activations and not isinstance(weight, Quantized) else weight


def rounded(weight: Any) -> Quantized:  # noqa: ANN401 - an array
    """Round a plain weight (in_features, out_features) to int8, groups by their largest number."""
    import torch

    table = torch.from_numpy(weight).contiguous()
    inputs, outputs = table.shape
    group = GROUP if inputs % GROUP == 0 else inputs
    grouped = table.reshape(-1, group, outputs)
    scales = grouped.abs().amax(1).clamp(min=1e-12) / 127
    codes = (grouped / scales[:, None]).round().clamp(-127, 127) + 128
    zeros = torch.full_like(scales, 128, dtype=torch.int16)
    return Quantized(8, codes.reshape(inputs, outputs).to(torch.uint8), scales, zeros)
