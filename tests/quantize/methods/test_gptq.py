"""A checkpoint made here against the library it is made for."""

import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import read_checkpoint

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.model


def test_four_bits_take_less_than_three_tenths_of_sixteen(int4: Path) -> None:
    made = read_checkpoint(int4)
    assert made.linear_bytes / made.linear_fp16_bytes <= 0.30
    assert made.linear_fp16_bytes == 35 * 256 * 256 // 7 * 4 * 2 + 5 * 3 * 256 * 640 * 2


def test_the_config_says_autogptq_v1_without_act_order(int4: Path) -> None:
    settings = read_checkpoint(int4).quantization
    wanted = {"quant_method": "gptq", "bits": 4, "group_size": 128, "desc_act": False, "sym": True}
    assert {key: settings[key] for key in wanted} == wanted
    assert settings["checkpoint_format"] == "gptq"
    assert (int4 / "quantize_config.json").is_file()


def test_stored_zeros_are_one_too_low_and_groups_run_in_order(int4: Path) -> None:
    from safetensors.torch import load_file

    tensors = load_file(int4 / "model.safetensors")
    assert {int(word) & 15 for word in tensors["model.layers.0.mlp.up_proj.qzeros"].flatten()} == {
        7
    }
    order = tensors["model.layers.0.mlp.up_proj.g_idx"]
    assert torch.equal(order.long(), torch.arange(256) // 128)


def test_what_is_not_quantised_keeps_its_bytes(demo: Path, int4: Path) -> None:
    before, after = read_checkpoint(demo), read_checkpoint(int4)
    kept = [name for name in before.tensors if "_proj" not in name]
    assert kept
    assert {name: before.digests[name] for name in kept} == {
        name: after.digests[name] for name in kept
    }
    assert (demo / "tokenizer_config.json").read_bytes() == (
        int4 / "tokenizer_config.json"
    ).read_bytes()


def test_the_card_says_what_went_in(demo: Path, int4: Path) -> None:
    card = json.loads((int4 / "coldforge.json").read_text())
    assert card["model_digest"] == read_checkpoint(demo).digest
    assert card["digest"] == read_checkpoint(int4).digest
    assert len(card["layers"]) == 35
    assert all(0 < item["error"] < 0.1 for item in card["layers"].values())
    assert card["calibration"]["samples"] == 4
    assert card["parameters"]["bits"] == 4
    assert card["versions"]["torch"]
