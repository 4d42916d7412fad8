import json
import struct
from pathlib import Path

import pytest

from coldforge.engine.tensorrt_llm.build.on_host import dry_run, read_request
from coldforge.engine.tensorrt_llm.build.settings import BuildSettings
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.paths import Workspace


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
    request = read_request(Workspace(checkout), model, "1.2", BuildSettings())
    found = dry_run(request, model / "engine")
    assert [command[0] for command in found["commands"]] == ["python3", "trtllm-build"]
    assert found["text"][1].startswith("trtllm-build --checkpoint_dir")
    assert found["task"] == "engine.build"
    assert not (model / "engine").exists()


def test_a_release_that_builds_none_or_is_unknown_is_refused(model: Path, checkout: Path) -> None:
    with pytest.raises(ColdforgeError, match="builds no engines"):
        read_request(Workspace(checkout), model, "fixture", BuildSettings())
    with pytest.raises(UnknownNameError, match="0\\.6"):
        read_request(Workspace(checkout), model, "0.6", BuildSettings())
