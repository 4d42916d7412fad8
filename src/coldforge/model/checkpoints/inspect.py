"""Describe or compare checkpoints from their files alone, without a tensor library."""

from array import array
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, compare, read_checkpoint
from coldforge.checkpoint.linear import Linear
from coldforge.checkpoint.safetensors_file import data_start
from coldforge.model.families.blocks import linear_layers
from coldforge.model.families.registry import stores_transposed

ORDERS = (".g_idx", ".weight_g_idx")


def run_inspect(model: str) -> dict[str, Any]:
    """Describe `model`; raise ColdforgeError for a checkpoint that is not what its config says."""
    checkpoint = read_checkpoint(Path(model))
    layers = [_layer(checkpoint, item) for item in linear_layers(checkpoint).values()]
    form = checkpoint.format
    return {
        "model": model,
        "format": form.name if form else "plain",
        "layers": layers,
        "linear_weights": checkpoint.linear_weights,
        "linear_bytes": checkpoint.linear_bytes,
        "linear_fp16_bytes": checkpoint.linear_fp16_bytes,
        "bits_per_weight": checkpoint.bits_per_weight,
        "disk_bytes": checkpoint.disk_bytes,
        "shards": [path.name for path in checkpoint.files],
        "warnings": warnings(checkpoint, layers),
    }


def warnings(checkpoint: Checkpoint, layers: list[dict[str, Any]]) -> list[str]:
    """List what some readers of this checkpoint get wrong."""
    form, settings = checkpoint.format, checkpoint.quantization
    if form is None:
        return []
    ordered = sum(layer["act_order"] for layer in layers)
    plain = sum(layer["format"] != form.name for layer in layers)
    uneven = any(layer["sym"] is False for layer in layers)
    transposed = stores_transposed(checkpoint.config)
    gptq = settings.get("quant_method") == "gptq"
    stated = settings.get("checkpoint_format") or settings.get("format")
    found = {
        f"{ordered} layers have groups out of order: TensorRT-LLM 0.5.0 ignores their g_idx and "
        "decodes them to garbage": ordered,
        "true zero points (v2): TensorRT-LLM 0.5.0 decodes them one step too high": form.name
        == "gptq_v2",
        "the config names no checkpoint_format: zero points are read as v1": gptq and not stated,
        "desc_act is set, but all groups run in order: the setting is not needed": gptq
        and settings.get("desc_act")
        and not ordered,
        f"{form.name} is for nn.Linear: others do not load it into Conv1D layers": not form.conv1d
        and transposed,
        "asymmetric zero points: Transformers 5.23 with compressed-tensors 0.20 refuses "
        "them": form.name == "compressed-tensors" and uneven,
        f"{plain} linear layers inside blocks are not quantised": plain,
    }
    return [text for text, holds in found.items() if holds]


def _layer(checkpoint: Checkpoint, item: Linear) -> dict[str, Any]:
    shape = item.shape
    plain = next(iter(item.tensors.values())).dtype if item.format is None else ""
    return {
        "name": item.name,
        "format": item.format.name if item.format else plain,
        "bits": shape.bits,
        "group_size": shape.group_size if item.format else None,
        "sym": _symmetric(checkpoint, item) if item.format else None,
        "act_order": _ordered(checkpoint, item),
        "inputs": shape.inputs,
        "outputs": shape.outputs,
        "bytes": item.size,
    }


def _symmetric(checkpoint: Checkpoint, item: Linear) -> bool:
    """Tell whether the config says that all zero points are the middle code."""
    if ".weight_scale" in item.tensors:
        return ".weight_zero_point" not in item.tensors
    settings = checkpoint.quantization
    return bool(settings.get("sym", not settings.get("zero_point")))


def _ordered(checkpoint: Checkpoint, item: Linear) -> bool:
    """Tell whether a layer's groups are out of order, by reading its group indices."""
    for part in ORDERS:
        if part in item.tensors and item.tensors[part].dtype == "I32":
            tensor, name = item.tensors[part], item.name + part
            path = checkpoint.places[name]
            with path.open("rb") as stream:
                stream.seek(data_start(path) + tensor.data_offsets[0])
                index = array("i", stream.read(tensor.size))
            size = item.shape.group_size
            return any(group != at // size for at, group in enumerate(index))
    return False


def run_diff(one: str, other: str) -> dict[str, Any]:
    """Compare two model directories tensor by tensor."""
    return compare(read_checkpoint(Path(one)), read_checkpoint(Path(other)))
