"""A linear layer in the graph, the head too: MatMulNBits where quantised, else MatMul."""

from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.engine.onnxruntime.graph.graph import CONTRIB, Graph
from coldforge.engine.onnxruntime.graph.matmul_nbits import NBits, pack
from coldforge.engine.onnxruntime.graph.weights import HEAD, Weights
from coldforge.model.families.dimensions import Dimensions

FLOAT32, INT8 = 1, 4
"""The operator's accuracy levels: what the inputs are multiplied in."""
JOINER = " + "
"""Between the names of layers that share a multiplication."""
GROUP = 32
"""Weights of the int8 head that share a scale."""


@dataclass
class Linears:
    """Adds linear layers to a graph and remembers how each was stored."""

    graph: Graph
    weights: Weights
    int8_activations: bool = False
    """Whether inputs of quantised layers are rounded to int8."""

    def __post_init__(self) -> None:
        """Begin with none."""
        self.stored: dict[str, str] = {}

    def add(self, name: str, source: str, bias: str = "") -> str:
        """Multiply `source` by a layer of the checkpoint; return the output's name."""
        weight = self.weights.linear(name)
        if isinstance(weight, Quantized):
            output = self.nbits(name, source, pack(name, weight, self.int8_activations))
        else:
            table = self.graph.tensor(f"{name}.weight", weight)
            output = self.graph.node("MatMul", [source, table], f"{name}.product")
            self.stored[name] = "float32"
        if bias and self.weights.find(bias):
            kept = self.graph.tensor(bias, self.weights.array(bias))
            output = self.graph.node("Add", [output, kept], f"{name}.sum")
        return output

    def together(self, names: list[str], source: str) -> str:
        """Multiply `source` by several layers at once; return nothing if they cannot be joined.

        One call of the operator keeps more threads busy than each of three.
        """
        weight = joined([self.weights.linear(name) for name in names])
        if weight is None:
            return ""
        name = JOINER.join(names)
        if isinstance(weight, Quantized):
            output = self.nbits(name, source, pack(name, weight, self.int8_activations))
            kind = self.stored.pop(name)
        else:
            table = self.graph.tensor(f"{name}.weight", weight)
            output, kind = self.graph.node("MatMul", [source, table], f"{name}.product"), "float32"
        self.stored |= dict.fromkeys(names, kind)
        biases = [f"{part}.bias" for part in names]
        if not any(map(self.weights.find, biases)):
            return output
        kept = self.graph.tensor(
            f"{name}.bias", joined([self.weights.array(one) for one in biases])
        )
        return self.graph.node("Add", [output, kept], f"{name}.sum")

    def nbits(self, name: str, source: str, packed: NBits) -> str:
        """Multiply by a packed weight; return the output's name."""
        graph = self.graph
        if packed.order is not None:
            order = graph.tensor(f"{name}.order", packed.order)
            source = graph.node("Gather", [source, order], f"{name}.sorted", axis=-1)
        parts = {"codes": packed.codes, "scales": packed.scales, "zeros": packed.zeros}
        names = [
            graph.tensor(f"{name}.{part}", array)
            for part, array in parts.items()
            if array is not None
        ]
        if packed.halves:
            source = graph.node("Concat", [source, source], f"{name}.twice", axis=-1)
        outputs, blocks, _ = packed.codes.shape
        bits = 8 if packed.halves else packed.bits
        self.stored[name] = f"int{bits} in blocks of {packed.block}"
        attributes: dict[str, Any] = {
            "N": outputs, "K": blocks * packed.block, "bits": packed.bits,
            "block_size": packed.block,
            "accuracy_level": INT8 if self.int8_activations else FLOAT32,
        }  # fmt: skip
        return graph.node(
            f"{CONTRIB}.MatMulNBits", [source, *names], f"{name}.product", **attributes
        )


def joined(weights: list[Any]) -> Any:  # noqa: ANN401 - Quantized or arrays
    """Join weights along their outputs; None where they are stored differently."""
    import numpy as np
    import torch

    first = weights[0]
    if not isinstance(first, Quantized):
        plain = not any(isinstance(item, Quantized) for item in weights)
        return np.concatenate(weights, axis=-1) if plain else None
    for item in weights:
        alike = isinstance(item, Quantized) and item.bits == first.bits and item.order is None
        if not alike or item.scales.shape[0] != first.scales.shape[0]:
            return None
    parts = ("codes", "scales", "zeros")
    return Quantized(
        first.bits, *(torch.cat([getattr(item, part) for item in weights], 1) for part in parts)
    )


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
