"""The head: from the last states to logits. Float32 where the checkpoint has it plain."""

from typing import Any

from coldforge.engine.onnx.linear import Linears
from coldforge.engine.onnx.nbits import pack
from coldforge.model.formats.quantized import Quantized

GROUP = 32
"""Weights of the int8 head that share a scale."""


def add_head(linears: Linears, states: str, name: str) -> None:
    """Multiply by the head, or by the embedding where they are tied; the graph's logits."""
    weight = linears.weights.linear(name) if name == "lm_head" else _plain(linears, name)
    graph = linears.graph
    if linears.eight and not isinstance(weight, Quantized):
        weight = rounded(weight)
    if isinstance(weight, Quantized):
        product = linears.nbits("lm_head", states, pack("lm_head", weight, linears.eight))
    else:
        table = graph.tensor("lm_head.weight", weight)
        product = graph.node("MatMul", [states, table], "lm_head.product")
        linears.stored["lm_head"] = "float32"
    graph.node("Identity", [product], "logits")


def rounded(weight: Any) -> Quantized:  # noqa: ANN401 - an array
    """Round a plain weight (inputs, outputs) to int8, each group to its own largest number."""
    import torch

    table = torch.from_numpy(weight).contiguous()
    inputs, outputs = table.shape
    group = GROUP if inputs % GROUP == 0 else inputs
    grouped = table.reshape(-1, group, outputs)
    scales = grouped.abs().amax(1).clamp(min=1e-12) / 127
    codes = (grouped / scales[:, None]).round().clamp(-127, 127) + 128
    zeros = torch.full_like(scales, 128, dtype=torch.int16)
    return Quantized(8, codes.reshape(inputs, outputs).to(torch.uint8), scales, zeros)


def _plain(linears: Linears, name: str) -> Any:  # noqa: ANN401 - an array
    return linears.weights.array(f"{name}.weight").T
