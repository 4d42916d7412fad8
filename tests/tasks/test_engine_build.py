import json
import struct
from pathlib import Path
from typing import Any

import pytest

from coldforge.engine.tensorrt_llm.build.settings import Settings
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.paths import Workspace
from coldforge.tasks._engine_tensorrt_llm import dry_run, wish_of
from coldforge.tasks.engine_build import check_backend, share

USUAL: dict[str, Any] = {"tp": 1, "alpha": "0.5", "precision": ""}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    header = json.dumps({"w": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"ab")
    (tmp_path / "config.json").write_text('{"model_type": "llama"}', "utf-8")
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    return tmp_path


def test_a_dry_run_needs_the_checkpoint_alone(
    model: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    wish = wish_of(Workspace(checkout), str(model), "1.2", Settings())
    found = dry_run(wish, model / "engine")
    assert [command[0] for command in found["commands"]] == ["python3", "trtllm-build"]
    assert found["text"][1].startswith("trtllm-build --checkpoint_dir")
    assert found["task"] == "engine.build"
    assert not (model / "engine").exists()


def test_a_release_that_builds_none_or_is_unknown_is_refused(model: Path, checkout: Path) -> None:
    with pytest.raises(ColdforgeError, match="builds no engines"):
        wish_of(Workspace(checkout), str(model), "fixture", Settings())
    with pytest.raises(UnknownNameError, match="0\\.6"):
        wish_of(Workspace(checkout), str(model), "0.6", Settings())


def test_a_flag_of_the_other_backend_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="--tp is for tensorrt-llm"):
        check_backend("onnxruntime", "", False, "", USUAL | {"tp": 2})
    with pytest.raises(ColdforgeError, match="--dry-run is for tensorrt-llm"):
        check_backend("onnxruntime", "", True, "", USUAL)
    with pytest.raises(ColdforgeError, match="--activations is for onnxruntime"):
        check_backend("tensorrt-llm", "1.2", False, "int8", USUAL)
    check_backend("onnxruntime", "", False, "int8", USUAL)


def test_tensorrt_llm_without_a_release_is_asked_which() -> None:
    with pytest.raises(ColdforgeError, match="which TensorRT-LLM"):
        check_backend("tensorrt-llm", "", False, "", USUAL)
    with pytest.raises(UnknownNameError, match="tensorrt'"):
        check_backend("tensorrt", "", False, "", USUAL)


def test_an_alpha_that_is_no_number_is_refused() -> None:
    with pytest.raises(ColdforgeError, match="is no number"):
        share("half")
