from typing import Any

import pytest

from coldforge.checkpoint.formats.format import Width
from coldforge.checkpoint.formats.registry import find_format
from coldforge.checkpoint.linear import linears
from coldforge.checkpoint.safetensors_file import Tensor
from coldforge.engine.memory.outline import asked_widths, measured_widths, precision, widths_of
from coldforge.errors import ColdforgeError
from tests.engine.memory.models import GPT2, LLAMA2_7B, outline

GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128}


def biased(config: dict[str, object]) -> set[str]:
    return {layer.part for layer in outline(config).blocks() if layer.bias}


def test_each_family_has_the_biases_it_has() -> None:
    assert biased(LLAMA2_7B) == set()
    assert biased({**LLAMA2_7B, "model_type": "qwen2"}) == {"q_proj", "k_proj", "v_proj"}
    attention = {"q_proj", "k_proj", "v_proj", "o_proj"}
    assert biased({**LLAMA2_7B, "attention_bias": True}) == attention
    assert biased(GPT2) == {"c_attn", "c_proj", "c_fc"}


def test_layers_are_named_as_checkpoints_name_them() -> None:
    names = [layer.name for layer in outline(LLAMA2_7B).blocks()]
    assert len(names) == 32 * 7
    assert names[0] == "model.layers.0.self_attn.q_proj"
    assert next(outline(GPT2).blocks()).name == "transformer.h.0.attn.c_attn"


def test_a_tied_head_is_never_quantised() -> None:
    config = {**LLAMA2_7B, "quantization_config": {**GPTQ, "lm_head": True}}
    assert outline(config).head().width is not None
    assert outline({**config, "tie_word_embeddings": True}).head().width is None


def test_precision_is_named_by_the_widths() -> None:
    assert precision(outline(LLAMA2_7B), "fp16") == "fp16"
    assert precision(outline(LLAMA2_7B, bits=4), "fp16") == "int4"
    rules = {r"model\.layers\.0\.": {"bits": 8}}
    mixed = {**LLAMA2_7B, "quantization_config": {**GPTQ, "dynamic": rules}}
    assert precision(outline(mixed), "fp16") == "mixed"
    eight = {"quant_method": "coldforge", "format": "coldforge-int8", "bits": 8}
    assert precision(outline({**LLAMA2_7B, "quantization_config": eight}), "fp16") == "w8a8"


LAYER = "model.layers.{}.mlp.down_proj"
GPTQ: dict[str, Any] = {"quant_method": "gptq", "bits": 4, "group_size": 128}


def test_an_original_has_no_widths() -> None:
    assert widths_of({})(LAYER.format(0)) is None


def test_gptq_has_one_width_but_for_its_head() -> None:
    find = widths_of(GPTQ)
    assert find(LAYER.format(0)) == Width(4, 128)
    assert find("lm_head") is None
    assert widths_of({**GPTQ, "lm_head": True})("lm_head") == Width(4, 128)


def test_gptq_rules_give_layers_other_widths_or_none() -> None:
    rules = {r"model\.layers\.1\.": {"bits": 8, "group_size": 32}, r"-:.*layers\.2\.": {}}
    find = widths_of({**GPTQ, "dynamic": rules})
    assert find(LAYER.format(0)) == Width(4, 128)
    assert find(LAYER.format(1)) == Width(8, 32)
    assert find(LAYER.format(2)) is None


def test_act_order_is_seen() -> None:
    assert widths_of({**GPTQ, "desc_act": True})(LAYER.format(0)) == Width(4, 128, order=True)


def test_awq_has_a_scale_an_input_and_leaves_out_what_it_names() -> None:
    find = widths_of(
        {
            "quant_method": "awq",
            "bits": 4,
            "group_size": 64,
            "modules_to_not_convert": ["layers.1."],
        }
    )
    assert find(LAYER.format(0)) == Width(4, 64, smooth=True)
    assert find(LAYER.format(1)) is None
    assert find("lm_head") is None


@pytest.mark.parametrize(
    ("form", "bits", "width"),
    [
        ("compressed-tensors", 4, Width(4, 128, middle=True)),
        ("w8a8", 8, Width(8, 0, zeros=False, inputs=True, middle=True)),
    ],
)
def test_compressed_tensors_are_read_by_scheme(form: str, bits: int, width: Width) -> None:
    group = width.group or -1
    left = {r".*layers\.1\.": None}
    settings = find_format(form).config(
        {"bits": bits, "group_size": group, "sym": True, "activations": "dynamic", "dynamic": left}
    )
    find = widths_of(settings)
    assert find(LAYER.format(0)) == width
    assert find(LAYER.format(1)) is None
    assert find("lm_head") is None


def test_our_own_formats_are_read() -> None:
    int8 = widths_of({"quant_method": "coldforge", "format": "coldforge-int8", "bits": 8})
    assert int8(LAYER.format(0)) == Width(8, 0, zeros=False, inputs=True, middle=True)
    binary = {"quant_method": "coldforge", "format": "coldforge-binary", "group_size": 64}
    assert widths_of(binary)(LAYER.format(0)) == Width(1, 64)


def test_what_is_asked_holds_for_all_layers_but_the_head() -> None:
    find = asked_widths(8, 0)
    assert find(LAYER.format(0)) == Width(8)
    assert find("lm_head") is None
    assert asked_widths(16, 128)(LAYER.format(0)) is None


@pytest.mark.parametrize(("bits", "group"), [(5, 128), (0, 128), (-4, 128), (4, -2)])
def test_nonsense_is_refused(bits: int, group: int) -> None:
    with pytest.raises(ColdforgeError):
        asked_widths(bits, group)


def test_a_group_size_that_is_no_number_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="group_size 'many'"):
        widths_of({**GPTQ, "group_size": "many"})(LAYER.format(0))


def test_the_weights_know_better_than_the_config() -> None:
    shapes = {
        "model.layers.0.mlp.down_proj.qweight": ("I32", [512 // 8, 64]),
        "model.layers.0.mlp.down_proj.qzeros": ("I32", [16, 8]),
        "model.layers.0.mlp.down_proj.scales": ("F16", [16, 64]),
        "model.layers.1.mlp.down_proj.weight": ("F16", [64, 512]),
    }
    tensors = {name: Tensor(kind, shape, (0, 0)) for name, (kind, shape) in shapes.items()}
    find = measured_widths(linears(tensors, GPTQ), widths_of(GPTQ))

    assert find(LAYER.format(0)) == Width(4, 32)
    assert find(LAYER.format(1)) is None
    assert find(LAYER.format(2)) == Width(4, 128)
