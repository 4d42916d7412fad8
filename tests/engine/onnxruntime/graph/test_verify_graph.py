from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.engine.onnxruntime.graph import linear
from coldforge.engine.onnxruntime.graph.export import export
from coldforge.engine.onnxruntime.graph.verify_graph import StoredGraph, verify_graph
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.folders import make, rounded
from tests.engine.onnxruntime.graph.rig import decoder

torch: Any = pytest.importorskip("torch")
onnx: Any = pytest.importorskip("onnx")
pytestmark = pytest.mark.model
UP = "model.layers.1.mlp.up_proj"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A decoder of four bits, its groups out of order."""
    folder = tmp_path_factory.mktemp("checkpoint")

    def ordered(_: str, weight: Any) -> Any:
        item = rounded(weight, 4, 32, sym=False)
        count = len(item.codes)
        return replace(item, order=(torch.arange(count) % (count // 32)).int())

    settings = {"bits": 4, "group_size": 32, "sym": False, "desc_act": True}
    plain = decoder(folder / "plain")
    return read_checkpoint(make(plain, folder / "made", "gptq", ordered, **settings))


@pytest.fixture
def engine(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    """Its graph."""
    export(checkpoint, tmp_path)
    return tmp_path


def test_a_graph_as_it_should_be_is_counted(engine: Path, checkpoint: Checkpoint) -> None:
    assert verify_graph(engine, checkpoint) == {"exact": 14, "head": "float32"}


@pytest.mark.parametrize("part", ["codes", "scales", "zeros", "order"])
def test_one_flipped_bit_is_found(engine: Path, checkpoint: Checkpoint, part: str) -> None:
    model = onnx.load(engine / "model.onnx", load_external_data=False)
    held = next(item for item in model.graph.initializer if item.name == f"{UP}.{part}")
    place = {item.key: item.value for item in held.external_data}
    if place:
        data = bytearray((engine / "model.onnx.data").read_bytes())
        data[int(place["offset"]) + 16] ^= 1
        (engine / "model.onnx.data").write_bytes(data)
    else:
        held.raw_data = held.raw_data[:16] + bytes([held.raw_data[16] ^ 1]) + held.raw_data[17:]
        onnx.save(model, engine / "model.onnx")
    with pytest.raises(ColdforgeError, match=f"the graph changes the weights of {UP}$"):
        verify_graph(engine, checkpoint)


def without_product(graph: Any) -> None:
    graph.node.remove(named(graph, f"{UP}.product"))


def without_order(graph: Any) -> None:
    sort = named(graph, f"{UP}.sorted")
    named(graph, f"{UP}.product").input[0] = sort.input[0]


def with_anothers_order(graph: Any) -> None:
    named(graph, f"{UP}.sorted").input[1] = "model.layers.0.mlp.down_proj.order"


def with_anothers_scales(graph: Any) -> None:
    named(graph, f"{UP}.product").input[2] = "model.layers.0.mlp.up_proj.scales"


def with_int8_inputs(graph: Any) -> None:
    node = named(graph, f"{UP}.product")
    next(item for item in node.attribute if item.name == "accuracy_level").i = 4


def named(graph: Any, output: str) -> Any:
    return next(node for node in graph.node if node.output[0] == output)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_product, f"the layer {UP} is not in both"),
        (without_order, f"changes the weights of {UP}"),
        (with_anothers_order, f"changes the weights of {UP}"),
        (with_anothers_scales, f"changes the weights of {UP}"),
        (with_int8_inputs, f"rounds the inputs of {UP}"),
    ],
)
def test_a_node_that_does_otherwise_is_named(
    engine: Path, checkpoint: Checkpoint, spoil: Callable[[Any], None], said: str
) -> None:
    model = onnx.load(engine / "model.onnx", load_external_data=False)
    spoil(model.graph)
    onnx.save(model, engine / "model.onnx")
    with pytest.raises(ColdforgeError, match=said) as refused:
        verify_graph(engine, checkpoint)
    assert "do not use this engine" in refused.value.hint


def test_a_head_rounded_unasked_is_found(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silently = linear.head_weight
    monkeypatch.setattr(
        linear, "head_weight", lambda weights, size, _: silently(weights, size, True)
    )
    export(checkpoint, tmp_path)
    assert StoredGraph(tmp_path).kind("lm_head") == "int8 weights, float32 inputs"
    with pytest.raises(ColdforgeError, match="the graph changes the weights of lm_head"):
        verify_graph(tmp_path, checkpoint)


def test_with_int8_inputs_the_weights_are_still_the_checkpoints(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    export(checkpoint, tmp_path, int8_activations=True)
    said = verify_graph(tmp_path, checkpoint, int8_activations=True)
    assert said == {"exact": 14, "head": "int8 weights, int8 inputs"}
    with pytest.raises(ColdforgeError, match="the graph rounds the inputs of lm_head"):
        verify_graph(tmp_path, checkpoint)
