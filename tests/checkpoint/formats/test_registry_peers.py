"""The libraries that made these formats, packing the same layers: the bytes are equal."""

from dataclasses import replace
from typing import Any

import pytest

from coldforge.checkpoint.formats.format import Format
from coldforge.checkpoint.formats.quantized import Quantized
from coldforge.checkpoint.formats.registry import find_format
from tests.checkpoint.formats.layers import NAME, same

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model
INPUTS, OUTPUTS, GROUP = 128, 64, 32


def layer(bits: int, low: int, groups: int = INPUTS // GROUP, ordered: bool = False) -> Quantized:
    """Make a layer whose zero points run from `low`."""
    chance = torch.Generator().manual_seed(bits + low)
    order = torch.randperm(INPUTS, generator=chance) // (INPUTS // groups) if ordered else None
    return Quantized(
        bits,
        torch.randint(0, 1 << bits, (INPUTS, OUTPUTS), generator=chance).to(torch.uint8),
        (torch.rand((groups, OUTPUTS), generator=chance) + 0.01).half(),
        torch.randint(low, 1 << bits, (groups, OUTPUTS), generator=chance).short(),
        None if order is None else order.int(),
    )


@pytest.fixture(scope="module")
def gptqmodel() -> Any:
    """GPTQModel, quiet."""
    pytest.importorskip("gptqmodel")
    from coldforge.model.runtime import prepare

    prepare()
    import gptqmodel

    return gptqmodel


def packed_by_gptqmodel(item: Quantized) -> Any:
    """Let GPTQModel's plain torch layer pack a weight, v2."""
    from gptqmodel.nn_modules.qlinear.torch import TorchLinear

    theirs = TorchLinear(
        bits=item.bits, group_size=GROUP, sym=False, desc_act=item.order is not None,
        in_features=INPUTS, out_features=OUTPUTS, register_buffers=True,
    )  # fmt: skip
    plain = torch.nn.Linear(INPUTS, OUTPUTS, bias=False)
    plain.weight.data = item.weight()
    order = item.order if item.order is not None else (torch.arange(INPUTS) // GROUP).int()
    theirs.pack_original(plain, item.scales.float().T, item.zeros.float().T, order)
    theirs.qzero_format(2)
    return theirs


def state(module: Any) -> dict[str, Any]:
    return {f".{name}": tensor.clone() for name, tensor in module.state_dict().items()}


def equal(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return ours.keys() == theirs.keys() and all(
        ours[part].dtype == theirs[part].dtype and torch.equal(ours[part], theirs[part])
        for part in ours
    )


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_gptqmodel_packs_the_same_bytes(gptqmodel: Any, bits: int, ordered: bool) -> None:
    from gptqmodel.quantization import QuantizeConfig
    from gptqmodel.utils.model import convert_gptq_v2_to_v1_format_module

    item = layer(bits, low=1, ordered=ordered)
    theirs = packed_by_gptqmodel(item)
    settings = QuantizeConfig(bits=bits, group_size=GROUP, offload_to_disk=False)
    assert equal(find_format("gptq_v2").encode(NAME, item), state(theirs))
    convert_gptq_v2_to_v1_format_module(theirs, settings)
    assert equal(find_format("gptq").encode(NAME, item), state(theirs))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_zero_points_of_nothing_are_read_as_gptqmodel_wrote_them(gptqmodel: Any, bits: int) -> None:
    from gptqmodel.quantization import QuantizeConfig
    from gptqmodel.utils.model import convert_gptq_v2_to_v1_format_module

    item = layer(bits, low=0)
    theirs = packed_by_gptqmodel(item)
    settings = QuantizeConfig(bits=bits, group_size=GROUP, offload_to_disk=False)
    convert_gptq_v2_to_v1_format_module(theirs, settings)
    said = {"bits": bits, "meta": {"quantizer": [f"gptqmodel:{gptqmodel.__version__}"]}}
    assert same(find_format("gptq").decode(NAME, state(theirs), said), item)


def test_gptqmodel_takes_our_rules_as_we_do(gptqmodel: Any) -> None:
    from coldforge.checkpoint.formats.rules import exactly, find_rule

    dynamic = {
        exactly("a.1"): {"bits": 8}, r"a\.2": None, r".*\.up$": {"bits": 2}, "a.2": {"bits": 3},
    }  # fmt: skip
    asked = {"bits": 4, "group_size": 32, "sym": False, "dynamic": dynamic}
    config = {**find_format("gptq").config(asked), "offload_to_disk": False}
    theirs = gptqmodel.QuantizeConfig.from_quant_config(config)
    assert theirs.is_quantized_by_gptaq()  # asymmetric v1 is refused otherwise
    for name in ("a.1", "a.11", "a.2", "b.up", "c"):
        found = find_rule(dynamic, name)
        wanted = False if found is None else found.get("bits", 4)
        assert theirs.dynamic_get(name, "bits", 4) == wanted


def test_awq_packs_and_decodes_alike(gptqmodel: Any) -> None:
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm, pack_awq

    item = layer(4, low=0)
    ours = find_format("awq").encode(NAME, item)
    codes, zeros = pack_awq(item.codes.int(), item.zeros.int(), 4)
    assert torch.equal(ours[".qweight"], codes)
    assert torch.equal(ours[".qzeros"], zeros)
    weight = dequantize_gemm(codes, zeros, item.scales.float(), 4, GROUP)
    assert torch.equal(weight.T, item.weight())


def with_compressed_tensors(form: Format, item: Quantized, asked: dict[str, Any]) -> dict[str, Any]:
    """Let compressed-tensors compress a weight by the config we write."""
    pytest.importorskip("compressed_tensors.compressors")
    from compressed_tensors.compressors import BaseCompressor
    from compressed_tensors.quantization import QuantizationConfig

    config = QuantizationConfig.model_validate(form.config(asked))
    middle = 1 << (item.bits - 1)
    given = {
        "weight": item.weight(),
        "weight_scale": item.scales.float().T.contiguous(),
        "weight_zero_point": (item.zeros.T - middle).to(torch.int8),
    }
    if item.input_scale is not None:
        given["input_scale"] = item.input_scale
    compressor = BaseCompressor.get_value_from_registry(config.format)
    found = compressor.compress(given, config.config_groups["group_0"])
    return {f".{name}": tensor for name, tensor in found.items()}


@pytest.mark.parametrize("sym", [False, True])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_compressed_tensors_packs_the_same_bytes(bits: int, groups: int, sym: bool) -> None:
    form, item = find_format("compressed-tensors"), layer(bits, low=0, groups=groups)
    item = replace(item, scales=item.scales.float())
    if sym:
        item = replace(item, zeros=torch.full_like(item.zeros, 1 << (bits - 1)))
    asked = {"bits": bits, "group_size": GROUP if groups > 1 else -1, "sym": sym}
    theirs = with_compressed_tensors(form, item, asked)
    assert equal(form.encode(NAME, item, asked), theirs)
    assert same(form.decode(NAME, theirs, form.config(asked)), item)


@pytest.mark.parametrize("activations", ["static", "dynamic"])
def test_compressed_tensors_stores_the_same_int8(activations: str) -> None:
    form, item = find_format("w8a8"), layer(8, low=128, groups=1)
    item = replace(item, scales=item.scales.float(), zeros=torch.full_like(item.zeros, 128))
    if activations == "static":
        item = replace(item, input_scale=torch.tensor([0.1]))
    asked = {"bits": 8, "group_size": -1, "sym": True, "activations": activations}
    assert equal(form.encode(NAME, item, asked), with_compressed_tensors(form, item, asked))
