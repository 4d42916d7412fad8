import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import dimensions, read_dimensions

LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
    "max_position_embeddings": 512,
}  # fmt: skip
GPT2: dict[str, Any] = {
    "model_type": "gpt2", "n_embd": 64, "n_head": 4, "n_layer": 2, "n_positions": 128,
    "vocab_size": 100,
}  # fmt: skip


def test_a_llamas_layers_have_the_sides_of_its_heads() -> None:
    size = dimensions(LLAMA)
    assert (size.query, size.key_value, size.joint) == (64, 32, 128)
    assert size.linears() == {
        "self_attn.q_proj": (64, 64),
        "self_attn.k_proj": (64, 32),
        "self_attn.v_proj": (64, 32),
        "self_attn.o_proj": (64, 64),
        "mlp.gate_proj": (64, 160),
        "mlp.up_proj": (64, 160),
        "mlp.down_proj": (160, 64),
    }
    assert not size.tied
    assert dimensions({**LLAMA, "head_dim": 32}).linears()["self_attn.o_proj"] == (128, 64)


def test_gpt2_leaves_out_what_follows() -> None:
    size = dimensions(GPT2)
    assert (size.kv_heads, size.head_dim, size.intermediate, size.tied) == (4, 16, 256, True)
    assert size.linears() == {
        "attn.c_attn": (64, 192),
        "attn.c_proj": (64, 64),
        "mlp.c_fc": (64, 256),
        "mlp.c_proj": (256, 64),
    }
    assert dimensions({**GPT2, "n_inner": 96}).intermediate == 96
    assert dimensions({**GPT2, "n_inner": None}).intermediate == 256


@pytest.mark.parametrize(("name", "value"), [("vocab_size", "many"), ("intermediate_size", None)])
def test_a_number_that_is_none_is_an_error(name: str, value: object) -> None:
    with pytest.raises(ColdforgeError, match=r"config\.json does not say"):
        dimensions({**LLAMA, name: value})
    with pytest.raises(ColdforgeError, match=r"config\.json does not say"):
        dimensions({key: item for key, item in LLAMA.items() if key != name})


def test_they_are_read_from_a_model_directory_or_its_config(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), "utf-8")
    assert read_dimensions(tmp_path) == read_dimensions(tmp_path / "config.json")
    with pytest.raises(ColdforgeError, match="cannot be read"):
        read_dimensions(tmp_path / "none")
