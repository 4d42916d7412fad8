"""Whether a graph on disk holds the checkpoint's weights: read back, not trusted."""

from pathlib import Path
from typing import Any

from coldforge.engine.onnx.graph import GRAPH
from coldforge.engine.onnx.nbits import NBits, unpack
from coldforge.engine.onnx.weights import Weights
from coldforge.errors import ColdforgeError
from coldforge.model.checkpoint import Checkpoint
from coldforge.model.formats.quantized import Quantized

HEAD = "lm_head"


def check(folder: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """Decode every linear layer of the graph and compare it with the checkpoint's own meaning.

    Raise ColdforgeError naming a layer that is missing, stored otherwise than its node says, or
    differs in a single weight. The head may be rounded, where its node multiplies in int8.
    """
    graph = Stored(folder)
    weights = Weights(checkpoint)
    found = {name for name in graph.products if name != HEAD}
    wanted = {_full(name, found) for name in checkpoint.linears if name != HEAD}
    if found != wanted:
        odd = sorted(found ^ wanted)[0]
        raise ColdforgeError(f"the graph and the checkpoint disagree on the layer {odd}", _REMEDY)
    for name in sorted(found):
        if not _same(graph.weight(name), weights.linear(name)):
            raise ColdforgeError(f"the graph changes the weights of {name}", _REMEDY)
    return {"exact": len(found), "head": graph.kind(HEAD)}


_REMEDY = "do not use this engine; report what the checkpoint was made by"


class Stored:
    """A graph read from disk: its products and their constants."""

    def __init__(self, folder: Path) -> None:
        """Read the graph; its data stays on disk until it is asked for."""
        import onnx

        self.folder = folder
        model = onnx.load(folder / GRAPH, load_external_data=False)
        self.constants = {item.name: item for item in model.graph.initializer}
        self.products = {
            node.output[0].removesuffix(".product"): node
            for node in model.graph.node
            if node.op_type in {"MatMul", "MatMulNBits"}
        }

    def kind(self, name: str) -> str:
        """Say how a layer is multiplied."""
        node = self.products[name]
        if node.op_type == "MatMul":
            return "float32"
        asked = self._attributes(node)
        inputs = "int8" if asked["accuracy_level"] == 4 else "float32"
        bits = 8 if self._halves(name) else asked["bits"]
        return f"int{bits} weights, {inputs} inputs"

    def weight(self, name: str) -> Any:  # noqa: ANN401 - a tensor
        """Decode a layer, float32 (outputs, inputs)."""
        import torch

        node = self.products[name]
        if node.op_type == "MatMul":
            return torch.tensor(self.array(node.input[1]).T)
        codes, scales, zeros = (self.array(part) for part in node.input[1:4])
        order = self.array(f"{name}.order") if f"{name}.order" in self.constants else None
        asked = self._attributes(node)
        sizes = asked["bits"], asked["block_size"]
        return unpack(NBits(*sizes, codes, scales, zeros, order, self._halves(name)))

    def array(self, name: str) -> Any:  # noqa: ANN401 - an array
        """Read a constant."""
        import onnx

        return onnx.numpy_helper.to_array(self.constants[name], base_dir=str(self.folder))

    def _halves(self, name: str) -> bool:
        """Tell whether a layer's inputs come twice, for two halves of its codes."""
        return bool(self.products[name].input[0] == f"{name}.twice")

    @staticmethod
    def _attributes(node: Any) -> dict[str, int]:  # noqa: ANN401 - a NodeProto
        return {item.name: item.i for item in node.attribute}


def _same(stored: Any, meant: Any) -> bool:  # noqa: ANN401 - tensors and arrays
    import torch

    weight = meant.weight() if isinstance(meant, Quantized) else torch.tensor(meant.T)
    return bool(torch.equal(stored, weight))


def _full(name: str, known: set[str]) -> str:
    """Give a layer the name it has in the graph; checkpoints may leave a prefix out."""
    tails = [one for one in known if one == name or one.endswith(f".{name}")]
    return tails[0] if tails else name
