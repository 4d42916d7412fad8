"""Model directories small enough to write by hand."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Shapes = Mapping[str, tuple[str, list[int]]]
WIDTH = {"F16": 2, "F32": 4, "I16": 2, "I32": 4, "U8": 1}


def safetensors(shapes: Shapes, fill: int = 0) -> bytes:
    """Lay out a safetensors file whose every byte of data is `fill`."""
    header: dict[str, Any] = {}
    at = 0
    for name, (dtype, shape) in shapes.items():
        size = WIDTH[dtype]
        for side in shape:
            size *= side
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes([fill]) * at


PLAIN: Shapes = {
    "model.embed_tokens.weight": ("F16", [16, 8]),
    "model.layers.0.mlp.up_proj.weight": ("F16", [4, 8]),
    "model.norm.weight": ("F16", [8]),
    "lm_head.weight": ("F16", [16, 8]),
}
PACKED: Shapes = {
    "model.embed_tokens.weight": ("F16", [16, 64]),
    "model.layers.0.mlp.up_proj.qweight": ("I32", [8, 32]),
    "model.layers.0.mlp.up_proj.qzeros": ("I32", [2, 4]),
    "model.layers.0.mlp.up_proj.scales": ("F16", [2, 32]),
    "model.layers.0.mlp.up_proj.g_idx": ("I32", [64]),
}


def write_model(folder: Path, shapes: Shapes, **config: object) -> Path:
    """Write what makes a folder a model directory."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", **config}), "utf-8")
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    (folder / "model.safetensors").write_bytes(safetensors(shapes))
    return folder
