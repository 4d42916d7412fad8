import json
from pathlib import Path

import pytest

from coldforge.engine.commands.check import run_check, sound, weightless
from coldforge.errors import ColdforgeError, UnknownNameError

CONFIG = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000,
    "max_position_embeddings": 4096,
}  # fmt: skip


@pytest.mark.model
def test_the_demo_model_in_four_bits_is_sound(int4: Path) -> None:
    pytest.importorskip("torch")
    found = run_check(str(int4), "0.5.0")
    assert found["task"] == "engine.check"
    assert found["release"] == "0.5.0"
    assert len(found["checkpoint"]) == 64
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert layers["model.layers.0.self_attn.q_proj"]["share_wrong"] == 0
    assert {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"} <= layers.keys()
    assert sound(found) == (found["verdict"] in {"exact", "rounded"})
    assert sound(found) or found["fixes"]
    assert found["memory"]["task"] == "engine.memory"
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_a_config_alone_gives_memory_and_says_what_was_skipped(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    assert weightless(tmp_path)
    for place in (tmp_path, tmp_path / "config.json"):
        found = run_check(str(place), "0.10", max_input_len=100, max_output_len=10)
        assert found["verdict"] == "skipped"
        assert found["loader"] == f"skipped: no weights in {place}"
        assert found["layers"] == []
        assert found["memory"]["max_input_len"] == 100
        assert sound(found)


def test_memory_that_cannot_be_told_says_why(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    found = run_check(str(tmp_path), "0.5.0", tp=3)
    assert "--tp 3" in found["memory"]["skipped"]


def test_what_no_engine_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError):
        run_check(str(tmp_path), "9")
    with pytest.raises(UnknownNameError):
        run_check(str(tmp_path), "0.5.0", dtype="int7")
    with pytest.raises(ColdforgeError, match="--tp 0"):
        run_check(str(tmp_path), "0.5.0", tp=0)
    with pytest.raises(ColdforgeError, match="no config"):
        run_check(str(tmp_path), "0.5.0")
