"""What is known of a family, and what is named because it is not."""

from pathlib import Path

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.families.architecture import architecture_of, block_tensors, unknown_layers
from tests.smallmodels import Shapes, write_model

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
    with pytest.raises(ColdforgeError, match="no whole row of blocks"):
        block_tensors(read_checkpoint(write_model(tmp_path / "m", shapes)))


def test_a_matrix_of_no_known_kind_is_named(tmp_path: Path) -> None:
    shapes: Shapes = {**BLOCK, "model.layers.0.mlp.router.weight": ("F16", [4, 8])}
    found = unknown_layers(read_checkpoint(write_model(tmp_path / "m", shapes)))
    assert found == ["model.layers.0.mlp.router.weight"]


def test_a_type_we_do_not_know_is_refused_with_those_we_do() -> None:
    with pytest.raises(ColdforgeError, match="'mamba'") as caught:
        architecture_of({"model_type": "mamba"})
    assert "gpt2, llama" in caught.value.hint
