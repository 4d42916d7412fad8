"""The config files beside the weights."""

import json
import shutil
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.formats.registry import format_of
from coldforge.quantize.blockwise.request import Result


def write_configs(checkpoint: Checkpoint, folder: Path, result: Result) -> None:
    """Write config.json of the quantised model, and the file of older tools."""
    config = {key: item for key, item in checkpoint.config.items() if key != "torch_dtype"}
    config["dtype"] = result.dtype
    if result.quantization:
        config["quantization_config"] = result.quantization
        beside = format_of(result.quantization).files(result.quantization)
        for name, value in beside.items():
            _write(folder / name, value)
    _write(folder / "config.json", config)
    generation = checkpoint.folder / "generation_config.json"
    if generation.is_file():
        shutil.copyfile(generation, folder / generation.name)


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", "utf-8")
