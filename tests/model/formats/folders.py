"""Quantised model directories made by rounding alone, in any format."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")


def rounded(weight: Any, bits: int, group_size: int, sym: bool) -> Any:
    """Round a weight (outputs, inputs) to the nearest of its grid; zero points start at 1."""
    from coldforge.model.formats.quantized import Quantized

    outputs, inputs = weight.shape
    size = inputs if group_size == -1 else group_size
    groups = weight.float().reshape(outputs, inputs // size, size)
    top, middle = (1 << bits) - 1, 1 << (bits - 1)
    low, high = groups.amin(-1), groups.amax(-1)
    if sym:
        scales = (torch.maximum(high, -low) * 2 / top).half()
        zeros = torch.full(scales.shape, float(middle))
    else:
        scales = ((high.clamp(min=0) - low.clamp(max=0)) / top).half()
        zeros = (-low.clamp(max=0) / scales.float()).round().clamp(1, top)
    steps = groups / scales.float()[..., None] + zeros[..., None]
    codes = steps.round().clamp(0, top).reshape(outputs, inputs)
    return Quantized(
        bits,
        codes.T.to(torch.uint8).contiguous(),
        scales.T.contiguous(),
        zeros.T.to(torch.int16).contiguous(),
    )


def make(plain: Path, out: Path, form: str, make_layer: Any, **settings: Any) -> Path:
    """Write `plain` in a format; `make_layer` gets a layer's name and weight (outputs, inputs).

    A layer for which it returns None stays as it is.
    """
    from safetensors.torch import save_file

    from coldforge.model.checkpoint import read_checkpoint
    from coldforge.model.formats.catalogue import find_format
    from coldforge.model.linear import CONV1D
    from coldforge.model.reading import Reader

    checkpoint, target = read_checkpoint(plain), find_format(form)
    reader = Reader(checkpoint)
    asked = {"dynamic": {}, "activations": None, **settings}
    tensors = {name: reader.tensor(name) for name in checkpoint.tensors}
    for name in checkpoint.linears:
        weight = tensors[f"{name}.weight"].float()
        turned = checkpoint.config["model_type"] in CONV1D
        item = make_layer(name, weight.T if turned else weight)
        if item is not None:
            del tensors[f"{name}.weight"]
            parts = target.encode(name, item, asked)
            tensors |= {name + part: tensor for part, tensor in parts.items()}
    shutil.copytree(plain, out, ignore=shutil.ignore_patterns("*.safetensors", "coldforge.json"))
    config = {**checkpoint.config, "quantization_config": target.config(asked)}
    (out / "config.json").write_text(json.dumps(config), "utf-8")
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    return out
