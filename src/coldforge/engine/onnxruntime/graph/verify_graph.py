"""Verify a graph on disk: the weights of its matrix multiplications must be the checkpoint's."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.engine.onnxruntime.graph.graph import GRAPH
from coldforge.engine.onnxruntime.graph.linear import INT8, JOINER, head_weight
from coldforge.engine.onnxruntime.graph.matmul_nbits import NBits, unpack
from coldforge.engine.onnxruntime.graph.weights import HEAD, Weights
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import dimensions

MATMULS = frozenset({"MatMul", "MatMulNBits"})
REMEDY = "do not use this engine; report it, with the tool that made the checkpoint"


@dataclass(frozen=True)
class MatMulInput:
    """The inputs of a matrix multiplication, by the nodes before it."""

    order: str = ""
    """The constant that sorts the inputs; empty where they are in order."""
    halves: bool = False
    """Whether they are given twice, for two halves of the codes."""


class StoredGraph:
    """The multiplications of a graph and their constants, by layer name."""

    def __init__(self, folder: Path) -> None:
        """Read the graph; its data is read when needed."""
        import onnx

        self.folder = folder
        nodes = onnx.load(folder / GRAPH, load_external_data=False).graph
        self.constants = {item.name: item for item in nodes.initializer}
        self._makers = {output: node for node in nodes.node for output in node.output}
        self.matmuls = {
            node.output[0].removesuffix(".product"): node
            for node in nodes.node
            if node.op_type in MATMULS
        }

    def kind(self, name: str) -> str:
        """Say how a layer is multiplied."""
        node = self.matmuls[name]
        if node.op_type == "MatMul":
            return "float32"
        bits = 8 if self._source(name).halves else _attributes(node)["bits"]
        return f"int{bits} weights, {'int8' if self.rounds(name) else 'float32'} inputs"

    def rounds(self, name: str) -> bool:
        """Tell whether a layer's inputs are rounded to int8."""
        return _attributes(self.matmuls[name]).get("accuracy_level", 0) >= INT8

    def weight(self, name: str) -> Any:  # noqa: ANN401 - a tensor
        """Decode a layer, float32 (out_features, in_features)."""
        import torch

        node = self.matmuls[name]
        if node.op_type == "MatMul":
            return torch.tensor(self.array(node.input[1]).T)
        attributes, source = _attributes(node), self._source(name)
        codes, scales, *rest = (self.array(part) for part in node.input[1:4])
        zeros = rest[0] if rest else None
        order = self.array(source.order) if source.order else None
        sizes = attributes["bits"], attributes["block_size"]
        return unpack(NBits(*sizes, codes, scales, zeros, order, source.halves))

    def array(self, name: str) -> Any:  # noqa: ANN401 - an array
        """Read a constant."""
        import onnx

        return onnx.numpy_helper.to_array(self.constants[name], base_dir=str(self.folder))

    def _source(self, name: str) -> MatMulInput:
        """Follow an input back over the nodes that sort and double it."""
        maker: Any = self._makers.get(self.matmuls[name].input[0])
        doubled = _is(maker, "Concat") and list(maker.input) == [maker.input[0]] * 2
        if doubled:
            maker = self._makers.get(maker.input[0])
        sorts = _is(maker, "Gather") and _attributes(maker).get("axis") == -1
        return MatMulInput(str(maker.input[1]) if sorts else "", doubled)


def _is(node: Any, operator: str) -> bool:  # noqa: ANN401 - a NodeProto, or None for an input
    return node is not None and node.op_type == operator


def _attributes(node: Any) -> dict[str, int]:  # noqa: ANN401 - a NodeProto
    return {item.name: item.i for item in node.attribute}


def verify_graph(
    folder: Path, checkpoint: Checkpoint, int8_activations: bool = False
) -> dict[str, Any]:
    """Decode every linear layer of the graph and compare it with the checkpoint's weights.

    With `int8_activations`, inputs may be rounded to int8, and a plain head's weight must be. Raise
    ColdforgeError naming a layer that is missing, rounds its inputs without that, does not fit the
    attributes of its node, or differs in a single weight.
    """
    graph = StoredGraph(folder)
    weights = Weights(checkpoint)
    found = {name for matmul in graph.matmuls for name in matmul.split(JOINER)}
    known = {_full(name, found) for name in checkpoint.linears} | {HEAD}
    if found != known:
        odd = sorted(found ^ known)[0]
        raise ColdforgeError(f"the layer {odd} is not in both, graph and checkpoint", REMEDY)
    size = dimensions(checkpoint.config)
    for name in sorted(graph.matmuls):
        head = name == HEAD
        expected = (
            [head_weight(weights, size, int8_activations)]
            if head
            else map(weights.linear, name.split(JOINER))
        )
        if graph.rounds(name) and not int8_activations:
            raise ColdforgeError(f"the graph rounds the inputs of {name}", REMEDY)
        if not _same(graph, name, expected):
            raise ColdforgeError(f"the graph changes the weights of {name}", REMEDY)
    return {"exact": len(found) - 1, "head": graph.kind(HEAD)}


def _same(graph: StoredGraph, name: str, expected: Iterable[Any]) -> bool:
    import torch

    weight = torch.cat([
        item.weight() if isinstance(item, Quantized) else torch.tensor(item.T) for item in expected
    ])  # fmt: skip
    try:
        return bool(torch.equal(graph.weight(name), weight))
    except (KeyError, RuntimeError, ValueError):  # constants that are not there or do not fit
        return False


def _full(name: str, known: set[str]) -> str:
    """Give a layer the name it has in the graph; checkpoints may leave a prefix out."""
    tails = [one for one in known if one == name or one.endswith(f".{name}")]
    return tails[0] if tails else name
