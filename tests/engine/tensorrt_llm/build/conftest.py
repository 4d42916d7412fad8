"""Checkpoints of a few bytes, whose config is all that a release's commands follow from."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.engine.tensorrt_llm.build.command_line import BuildRequest
from coldforge.engine.tensorrt_llm.build.precision import precision_of
from coldforge.engine.tensorrt_llm.build.settings import BuildSettings
from coldforge.stack.profile import read_profile

CONFIG = {"model_type": "llama", "num_attention_heads": 4, "num_key_value_heads": 4}
GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 128, "format": "gptq", "desc_act": False}
AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}

Make = Callable[..., Checkpoint]
MakeRequest = Callable[..., BuildRequest]


def _write(path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(2))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Make:
    """Make a model directory: quantised as `quantised` says, in `shards` files."""

    def make(quantised: dict[str, Any] | None = None, shards: int = 1, **more: Any) -> Checkpoint:
        folder = tmp_path / "a model"
        folder.mkdir(exist_ok=True)
        config = CONFIG | more | ({"quantization_config": quantised} if quantised else {})
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
        (folder / "tokenizer.json").write_text("{}", "utf-8")
        for number in range(shards):
            _write(folder / f"model-{number}.safetensors")
        return read_checkpoint(folder)

    return make


@pytest.fixture
def build_request(checkpoint: Make, checkout: Path) -> MakeRequest:
    """Wish for an engine of a release, with settings and a checkpoint made to measure."""

    def make(
        release: str, quantised: dict[str, Any] | None = None, shards: int = 1, **asked: Any
    ) -> BuildRequest:
        config = asked.pop("config", {})
        source, settings = checkpoint(quantised, shards, **config), BuildSettings(**asked)
        profile = read_profile(checkout / "docker" / "releases", release)
        return BuildRequest(release, profile, source, settings, precision_of(source, settings))

    return make


@pytest.fixture
def gptq() -> dict[str, Any]:
    """What config.json says of a GPTQ checkpoint that every release reads."""
    return dict(GPTQ)


@pytest.fixture
def awq() -> dict[str, Any]:
    """What config.json says of an AutoAWQ checkpoint."""
    return dict(AWQ)
