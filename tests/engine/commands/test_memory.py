import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.engine.commands.memory import run_memory
from coldforge.errors import ColdforgeError, UnknownNameError

LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000,
    "max_position_embeddings": 4096, "torch_dtype": "float16",
}  # fmt: skip


def write(folder: Path, config: Any) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return str(folder)


def test_a_config_alone_is_enough(tmp_path: Path) -> None:
    place = write(tmp_path / "llama-2-7b", LLAMA)
    found = run_memory(place)
    assert found["model"] == "llama-2-7b"
    assert found["task"] == "engine.memory"
    assert found["predicted"] == "not measured"
    assert found["weights_bytes"] == 2 * 6_738_415_616
    parts = ("weights_bytes", "kv_bytes", "workspace_bytes")
    assert found["total_bytes"] == sum(found[name] for name in parts)
    assert set(found["formula"]) == {"weights", "kv", "workspace"}
    assert run_memory(f"{place}/config.json") == found


def test_the_widths_come_from_the_config_unless_asked(tmp_path: Path) -> None:
    quantised = {"quant_method": "gptq", "bits": 4, "group_size": 128}
    place = write(tmp_path / "q", {**LLAMA, "quantization_config": quantised})
    assert run_memory(place)["precision"] == "int4"
    assert run_memory(place, bits=16)["precision"] == "fp16"
    original = write(tmp_path / "o", LLAMA)
    asked = run_memory(original, bits=4)
    assert asked["weights_bytes"] == run_memory(place)["weights_bytes"]


def test_an_older_quantize_config_is_read_without_weights(tmp_path: Path) -> None:
    place = write(tmp_path / "old", LLAMA)
    text = json.dumps({"bits": 4, "group_size": 128, "desc_act": False})
    (tmp_path / "old" / "quantize_config.json").write_text(text, "utf-8")
    assert run_memory(place)["precision"] == "int4"


def test_an_engine_of_onnx_runtime_runs_on_this_machine(tmp_path: Path) -> None:
    place = write(tmp_path / "m", LLAMA)
    found = run_memory(place, backend="onnxruntime")
    assert [card["name"] for card in found["cards"]] == ["this machine"]
    assert found["resident"]["loaded_bytes"] > 0
    with pytest.raises(ColdforgeError, match="not on a card"):
        run_memory(place, backend="onnxruntime", card="A10")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**LLAMA, "model_type": "mamba"}, "models of type 'mamba' are not supported"),
        ({"model_type": "llama"}, "config.json does not say what an engine needs"),
        ([1], "is not a JSON object"),
        ({**LLAMA, "quantization_config": {"quant_method": "hqq"}}, "quantised as hqq"),
    ],
)
def test_a_config_that_says_too_little_is_refused(
    tmp_path: Path, config: Any, message: str
) -> None:
    with pytest.raises(ColdforgeError, match=message) as caught:
        run_memory(write(tmp_path / "m", config))
    assert caught.value.hint


def test_an_unknown_backend_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown backend 'x'") as caught:
        run_memory(write(tmp_path / "m", LLAMA), backend="x")
    assert "onnxruntime" in caught.value.hint


def test_a_place_without_a_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="cannot be read"):
        run_memory(str(tmp_path))


@pytest.mark.model
def test_weights_that_are_there_are_measured(int4: Path, tmp_path: Path) -> None:
    config = json.loads((int4 / "config.json").read_text("utf-8"))
    alone = run_memory(write(tmp_path / "alone", config), backend="onnxruntime")
    whole = run_memory(str(int4), backend="onnxruntime")
    assert whole["weights_bytes"] == alone["weights_bytes"]
    config["quantization_config"]["group_size"] = 32
    wrong = run_memory(write(tmp_path / "wrong", config), backend="onnxruntime")
    assert wrong["weights_bytes"] > whole["weights_bytes"]
