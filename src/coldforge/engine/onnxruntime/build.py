"""Write an ONNX Runtime engine: graph, weights, settings of the generation loop, tokenizer."""

import shutil
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.model.families.dimensions import dimensions
from coldforge.model.loading.load import rounds_inputs
from coldforge.model.runtime import prepare
from coldforge.model.tokens import copy_files
from coldforge.progress import amount, step

KEPT = ("config.json", "generation_config.json")


def build(checkpoint: Checkpoint, folder: Path, *, int8_activations: bool) -> dict[str, Any]:
    """Write the engine into `folder`; return what its card says of it.

    Raise ColdforgeError for what the graph cannot hold.
    """
    size = dimensions(checkpoint.config)
    prepare()
    from coldforge.engine.onnxruntime.graph.export import export
    from coldforge.engine.onnxruntime.graph.genai_config import write_genai
    from coldforge.engine.onnxruntime.graph.verify_graph import verify_graph

    with step("Writing the graph") as work:
        stored = export(checkpoint, folder, int8_activations)
        work.result = amount((folder / "model.onnx.data").stat().st_size)
    with step("Checking the graph against the checkpoint") as work:
        checked = verify_graph(folder, checkpoint, int8_activations)
        work.result = f"{checked['exact']} linear layers, bit by bit"
    write_genai(folder, size, checkpoint.config)
    copy_files(checkpoint.folder, folder)
    for name in KEPT:
        if (checkpoint.folder / name).is_file():
            shutil.copyfile(checkpoint.folder / name, folder / name)
    return {
        "precision": precision(checkpoint, int8_activations),
        "settings": {"activations": "int8" if int8_activations else "float32"},
        "inputs": inputs(checkpoint, int8_activations),
        "layers": stored,
        "checked": checked,
    }


def precision(checkpoint: Checkpoint, int8_activations: bool) -> str:
    """Name an engine's arithmetic by the widths of the checkpoint's linear layers."""
    widths = {item.shape.bits for item in checkpoint.linears.values() if item.format}
    names = [f"int{bits}" for bits in widths] or ["fp32"]
    name = names[0] if len(names) == 1 else "mixed"
    return f"{name} + int8 activations" if int8_activations else name


def inputs(checkpoint: Checkpoint, int8_activations: bool) -> str:
    """Say in what the inputs of quantised layers are multiplied."""
    if int8_activations:
        return "int8, a step of its own for every block"
    return "float32; the checkpoint was made for int8" if rounds_inputs(checkpoint) else "float32"
