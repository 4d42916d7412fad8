"""What is known of a family, and what is named because it is not."""

from pathlib import Path

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.families.blocks import (
    block_tensors,
    linear_inputs,
    linear_layers,
    unknown_layers,
)
from tests.smallmodels import PACKED, Shapes, write_model

BLOCK: Shapes = {
    "model.layers.0.self_attn.q_proj.weight": ("F16", [8, 8]),
    "model.layers.0.input_layernorm.weight": ("F16", [8]),
    "model.norm.weight": ("F16", [8]),
}


def test_a_block_lists_its_tensors_by_short_name(tmp_path: Path) -> None:
    (block,) = block_tensors(read_checkpoint(write_model(tmp_path / "m", BLOCK)))
    assert block["self_attn.q_proj.weight"] == "model.layers.0.self_attn.q_proj.weight"
    assert "norm.weight" not in block


def test_names_without_the_base_models_prefix_are_understood(tmp_path: Path) -> None:
    shapes: Shapes = {"h.0.attn.c_attn.weight": ("F16", [8, 24])}
    folder = write_model(tmp_path / "m", shapes, model_type="gpt2")
    assert block_tensors(read_checkpoint(folder)) == [
        {"attn.c_attn.weight": "h.0.attn.c_attn.weight"}
    ]


def test_a_missing_block_is_an_error(tmp_path: Path) -> None:
    shapes = {name.replace(".0.", ".1."): item for name, item in BLOCK.items()}
    with pytest.raises(ColdforgeError, match=r"lacks some of the blocks model\.layers\.0"):
        block_tensors(read_checkpoint(write_model(tmp_path / "m", shapes)))


def test_a_matrix_of_no_known_kind_is_named(tmp_path: Path) -> None:
    shapes: Shapes = {**BLOCK, "model.layers.0.mlp.router.weight": ("F16", [4, 8])}
    found = unknown_layers(read_checkpoint(write_model(tmp_path / "m", shapes)))
    assert found == ["model.layers.0.mlp.router.weight"]


@pytest.mark.parametrize(("kind", "prefix"), [("gpt2", "transformer.h"), ("llama", "model.layers")])
def test_the_family_says_which_side_of_a_plain_weight_is_its_inputs(
    kind: str, prefix: str, tmp_path: Path
) -> None:
    shapes: Shapes = {f"{prefix}.0.mlp.any.weight": ("F16", [8, 32])}
    checkpoint = read_checkpoint(write_model(tmp_path / "m", shapes, model_type=kind))
    assert linear_inputs(checkpoint) == {f"{prefix}.0.mlp.any": 8 if kind == "gpt2" else 32}
    (layer,) = linear_layers(checkpoint).values()
    assert (layer.shape.inputs, layer.shape.outputs) == ((8, 32) if kind == "gpt2" else (32, 8))


def test_quantised_layers_say_it_themselves(tmp_path: Path) -> None:
    shapes = {name.replace("model.layers", "transformer.h"): item for name, item in PACKED.items()}
    settings = {"quant_method": "gptq", "bits": 4, "group_size": 32}
    made = write_model(tmp_path / "m", shapes, model_type="gpt2", quantization_config=settings)
    (layer,) = linear_layers(read_checkpoint(made)).values()
    assert (layer.shape.inputs, layer.shape.outputs) == (64, 32)
