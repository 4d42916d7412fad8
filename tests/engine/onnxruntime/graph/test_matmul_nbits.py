from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.onnxruntime.graph.graph import Graph
from coldforge.engine.onnxruntime.graph.linear import Linears
from coldforge.engine.onnxruntime.graph.matmul_nbits import pack, unpack
from coldforge.errors import ColdforgeError
from tests.checkpoint.formats.layers import drawn, patient

torch: Any = pytest.importorskip("torch")
ort: Any = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
pytestmark = pytest.mark.model
GROUPS = (16, 32, 48, 64, 80, 96, 128, 160, 512)


@st.composite
def layers(draw: Any) -> Any:
    """Draw a layer of any width, odd numbers of groups and outputs, any order, any zero point."""
    from coldforge.checkpoint.formats.quantized import Quantized

    bits, group = draw(st.sampled_from((1, 2, 3, 4, 8))), draw(st.sampled_from(GROUPS))
    groups, outputs = draw(st.integers(1, 5)), draw(st.integers(1, 9))
    chance = torch.Generator().manual_seed(draw(st.integers(0, 1 << 32)))
    inputs, top = group * groups, 1 << bits
    codes = torch.randint(0, top, (inputs, outputs), generator=chance).to(torch.uint8)
    highest = top if bits < 8 else top - 1  # AutoGPTQ's zero points go one beyond the codes
    zeros = torch.randint(0, highest + 1, (groups, outputs), generator=chance).short()
    if bits == 1:
        codes, zeros = codes * 2, torch.ones_like(zeros)
    kind = draw(st.sampled_from((torch.float16, torch.bfloat16, torch.float32)))
    scales = torch.randn((groups, outputs), generator=chance).to(kind)
    shuffled = (torch.randperm(inputs, generator=chance) // group).int()
    return Quantized(bits, codes, scales, zeros, shuffled if draw(st.booleans()) else None)


@patient
@given(item=layers(), int8_activations=st.booleans())
def test_what_is_packed_decodes_to_the_very_weights(item: Any, int8_activations: bool) -> None:
    assert torch.equal(unpack(pack("layer", item, int8_activations)), item.weight())


@patient
@given(item=layers())
def test_the_operator_multiplies_by_these_weights(
    item: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("product")
    weight = item.weight()
    found = product(item, folder, torch.eye(weight.shape[1]))
    assert torch.allclose(found.T, weight, rtol=1e-6, atol=1e-6)


def product(item: Any, folder: Path, inputs: Any) -> Any:
    """Multiply inputs (rows, inputs) by a packed layer, in ONNX Runtime."""
    graph = Graph(folder)
    source = graph.input("x", "float32", ["rows", inputs.shape[1]])
    graph.node("Identity", [_linears(graph).nbits("a", source, pack("a", item))], "y")
    graph.output("y", "float32", ["rows", item.codes.shape[1]])
    graph.save()
    session = ort.InferenceSession(folder / "model.onnx")
    return torch.from_numpy(session.run(["y"], {"x": inputs.numpy()})[0])


def _linears(graph: Graph) -> Linears:
    return Linears(graph, None)  # type: ignore[arg-type]  # no checkpoint


def test_a_zero_point_beyond_four_bits_takes_eight() -> None:
    item = drawn(4, 16)
    assert not pack("layer", drawn(4, 15)).halves
    assert pack("layer", item).halves
    assert pack("layer", item, int8_activations=True).bits == 8


def test_fewer_bits_than_four_take_four() -> None:
    assert [pack("layer", drawn(bits, 1)).bits for bits in (2, 3, 4)] == [4, 4, 4]


@pytest.mark.parametrize("groups", [8, 16])
def test_groups_too_small_for_the_operator_are_refused(groups: int) -> None:
    with pytest.raises(ColdforgeError, match=r"mlp has groups of \d weights, not a multiple of 16"):
        pack("mlp", drawn(4, 8, groups))


def test_groups_of_unequal_size_are_refused() -> None:
    item = drawn(4, 8, 2, ordered=True)
    order = item.order.clone()
    order[order == 1] = torch.tensor([0] + [1] * 31).int()
    with pytest.raises(ColdforgeError, match="groups of mlp differ in size"):
        pack("mlp", replace(item, order=order))


def test_zero_points_that_no_byte_holds_are_refused() -> None:
    with pytest.raises(ColdforgeError, match="zero points outside 8 bits"):
        pack("mlp", drawn(8, 256))


def test_zero_points_in_the_middle_are_left_out() -> None:
    assert pack("layer", drawn(4, 8)).zeros is None
    assert pack("layer", drawn(8, 128), int8_activations=True).zeros is None
    assert pack("layer", drawn(4, 7)).zeros is not None
    assert pack("layer", drawn(3, 4)).zeros is not None
    assert pack("layer", drawn(8, 128)).zeros is not None
