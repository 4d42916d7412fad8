"""A graph on disk: its matrix multiplications, and the weights they multiply by."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coldforge.engine.onnxruntime.graph.graph import GRAPH
from coldforge.engine.onnxruntime.graph.linear import INT8
from coldforge.engine.onnxruntime.graph.matmul_nbits import NBits, unpack

MATMULS = frozenset({"MatMul", "MatMulNBits"})


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
