"""What is outside the blocks: embeddings, final norm and head, unquantised, and config files."""

import json
import shutil
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.checkpoint.formats.registry import format_of
from coldforge.checkpoint.shards import Shards
from coldforge.errors import ColdforgeError
from coldforge.quantize.blockwise.request import Result
from coldforge.quantize.blockwise.skeleton import Skeleton, read_tensor


def keep(checkpoint: Checkpoint) -> Any:  # noqa: ANN401 - a torch dtype
    """Return the dtype of unquantised tensors: bfloat16 if the model is, else float16."""
    import torch

    wide = {item.dtype for item in checkpoint.tensors.values()}
    return torch.bfloat16 if "BF16" in wide else torch.float16


def cast(name: str, tensor: Any, kind: Any) -> Any:  # noqa: ANN401 - a tensor and its type
    """Convert an unquantised tensor; raise ColdforgeError naming it if it overflows."""
    import torch

    found = tensor.to(kind)
    if not bool(torch.isfinite(found).all()):
        raise ColdforgeError(
            f"{name} does not fit into {str(kind).removeprefix('torch.')}",
            "store the model as bfloat16 first: quantize --method bf16",
        )
    return found


def write_rest(checkpoint: Checkpoint, skeleton: Skeleton, shards: Shards, kind: Any) -> None:  # noqa: ANN401
    """Write every tensor outside the blocks, a piece each."""
    inside = {full for block in skeleton.tensors for full in block.values()}
    for at, name in enumerate(sorted(checkpoint.tensors.keys() - inside)):
        tensor = read_tensor(checkpoint, name)
        shards.write(f"rest-{at:05}", {name: cast(name, tensor, kind)})


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
