"""Verify a graph on disk: read back, its weights must be the checkpoint's."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.engine.onnxruntime.graph.head import head_weight
from coldforge.engine.onnxruntime.graph.linear import JOINER
from coldforge.engine.onnxruntime.graph.stored_graph import StoredGraph
from coldforge.engine.onnxruntime.graph.weights import HEAD, Weights
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import dimensions

REMEDY = "do not use this engine; report it, with the tool that made the checkpoint"


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
