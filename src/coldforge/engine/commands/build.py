"""Build an engine for ONNX Runtime from a checkpoint."""

import shutil
import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.engine.card import ENGINE, ONNXRUNTIME, write_engine
from coldforge.engine.runtimes import runtimes
from coldforge.errors import ColdforgeError
from coldforge.files.output import whole
from coldforge.model.card_facts import circumstances, refuse_changed
from coldforge.model.families.dimensions import dimensions
from coldforge.model.loading.load import rounds_inputs
from coldforge.model.runtime import prepare
from coldforge.model.tokens import copy_files
from coldforge.progress import amount, step

KEPT = ("config.json", "generation_config.json")


def run_build(checkpoint: str, out: str, activations: str = "float32") -> dict[str, Any]:
    """Write an engine of `checkpoint` to `out`; its weights are the checkpoint's, code by code.

    `activations`: float32 (lossless), or int8: inputs of quantised layers and the head's weight
    are rounded to int8. Raise ColdforgeError for what no graph of ours holds.
    """
    started = time.monotonic()
    if activations not in {"float32", "int8"}:
        raise ColdforgeError(f"no activations {activations!r}", "choose float32 or int8")
    source = read_checkpoint(Path(checkpoint))
    refuse_changed(source)
    size = dimensions(source.config)
    prepare()
    from coldforge.engine.onnxruntime.graph.check import check
    from coldforge.engine.onnxruntime.graph.export import export
    from coldforge.engine.onnxruntime.graph.genai_config import write_genai

    eight = activations == "int8"
    with whole(Path(out), ENGINE) as folder:
        with step("Writing the graph") as work:
            stored = export(source, folder, eight)
            work.result = amount((folder / "model.onnx.data").stat().st_size)
        with step("Checking the graph against the checkpoint") as work:
            checked = check(folder, source, eight)
            work.result = f"{checked['exact']} linear layers, bit by bit"
        write_genai(folder, size, source.config)
        copy_files(source.folder, folder)
        _copy(source.folder, folder)
        facts: dict[str, Any] = {
            "backend": ONNXRUNTIME,
            "precision": precision(source, eight),
            "checkpoint": source.digest,
            "settings": {"activations": activations},
            "inputs": inputs(source, eight),
            "layers": stored,
            "checked": checked,
            **circumstances("engine.build", started),
        }
        facts["versions"] |= runtimes()
        said = write_engine(folder, facts)
    return {"out": out, **said}


def precision(checkpoint: Checkpoint, eight: bool) -> str:
    """Name an engine's arithmetic by the widths of the checkpoint's linear layers."""
    widths = {item.shape.bits for item in checkpoint.linears.values() if item.format}
    names = [f"int{bits}" for bits in widths] or ["fp32"]
    name = names[0] if len(names) == 1 else "mixed"
    return f"{name} + int8 activations" if eight else name


def inputs(checkpoint: Checkpoint, eight: bool) -> str:
    """Say in what the inputs of quantised layers are multiplied."""
    if eight:
        return "int8, a step of its own for every block"
    return "float32; the checkpoint was made for int8" if rounds_inputs(checkpoint) else "float32"


def _copy(source: Path, folder: Path) -> None:
    for name in KEPT:
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)
