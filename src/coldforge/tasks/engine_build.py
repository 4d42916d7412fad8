"""engine.build: a checkpoint compiled for one runtime."""

from functools import partial
from pathlib import Path
from typing import Any

from invoke.context import Context

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.tasks._command import emit, task
from coldforge.tasks._model_flags import HELP, MODEL, flags, full, given, hand_over, making, outside

ONNXRUNTIME, TENSORRT_LLM = "onnxruntime", "tensorrt-llm"
TRT = "tensorrt-llm: "


@partial(
    task,
    auto_shortflags=False,  # there are more flags than letters
    help={
        **HELP,
        "checkpoint": MODEL,
        "out": "Folder to make.",
        "backend": f"{ONNXRUNTIME} or {TENSORRT_LLM}.",
        "activations": "onnxruntime: int8 rounds inputs too, faster and no longer lossless.",
        "release": f"{TRT}which, as in docker/releases: 0.5.0, 0.10, 1.2.",
        "dry_run": f"{TRT}print its commands; needs no GPU, no image, no Docker Engine.",
        "max_batch_size": f"{TRT}sequences at a time. Default 1.",
        "max_input_len": f"{TRT}tokens of a prompt. Default 2048.",
        "max_output_len": f"{TRT}tokens of an answer. Default 1024.",
        "max_beam_width": f"{TRT}beams. Default 1.",
        "max_num_tokens": f"{TRT}tokens of a batch, padding removed. Default: the release's.",
        "dtype": f"{TRT}float16, bfloat16 or float32.",
        "tp": f"{TRT}cards that share each layer. Default 1.",
        "pp": f"{TRT}cards that share the layers out. Default 1.",
        "kv_cache": f"{TRT}continuous or paged. Default: the release's.",
        "int8_kv_cache": f"{TRT}KV cache in int8; of originals, with --calibration.",
        "precision": f"{TRT}of an original: int8, int4 or w8a8, rounded by the release.",
        "alpha": f"{TRT}w8a8: SmoothQuant's share. Default 0.5.",
        "calibration": f"{TRT}data set in a folder, for w8a8 and --int8-kv-cache.",
        "also": f"{TRT}more words of the release's profile, such as tokens_per_block=64.",
    },
)
def build(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    checkpoint: str,
    out: str,
    backend: str = ONNXRUNTIME,
    activations: str = "",
    release: str = "",
    dry_run: bool = False,
    max_batch_size: int = 1,
    max_input_len: int = 2048,
    max_output_len: int = 1024,
    max_beam_width: int = 1,
    max_num_tokens: int = 0,
    dtype: str = "float16",
    tp: int = 1,
    pp: int = 1,
    kv_cache: str = "",
    int8_kv_cache: bool = False,
    precision: str = "",
    alpha: str = "0.5",
    calibration: str = "",
    also: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Build an engine: for ONNX Runtime, or by a TensorRT-LLM release's own programs.

    Example: invoke engine.build --checkpoint models/demo-int4 --out engines/demo-int4
    """
    asked: dict[str, Any] = {
        "max_batch_size": max_batch_size, "max_input_len": max_input_len,
        "max_output_len": max_output_len, "max_beam_width": max_beam_width,
        "max_num_tokens": max_num_tokens, "dtype": dtype, "tp": tp, "pp": pp,
        "kv_cache": kv_cache, "int8_kv_cache": int8_kv_cache, "precision": precision,
        "alpha": alpha, "calibration": full(calibration), "also": also,
    }  # fmt: skip
    check_backend(backend, release, dry_run, activations, asked)
    if backend == ONNXRUNTIME:
        _onnxruntime(checkpoint, out, activations, yes, json)
        return
    found = _tensorrt(checkpoint, out, release, asked, dry_run, yes)
    emit(found, json, "\n".join(found["text"]) if dry_run else table(found))


def check_backend(
    backend: str, release: str, dry_run: bool, activations: str, asked: dict[str, Any]
) -> None:
    """Raise ColdforgeError for a flag that the backend has no use for."""
    from dataclasses import asdict

    from coldforge.engine.tensorrt_llm.build.settings import Settings

    if backend not in {ONNXRUNTIME, TENSORRT_LLM}:
        raise UnknownNameError("backend", backend, [ONNXRUNTIME, TENSORRT_LLM])
    if backend == TENSORRT_LLM:
        if not release:
            raise ColdforgeError("which TensorRT-LLM?", "--release 0.5.0, or another one")
        if activations:
            raise ColdforgeError("--activations is for onnxruntime", "--precision w8a8")
        return
    usual = {**asdict(Settings()), "alpha": "0.5"}
    said = [name for name, value in asked.items() if value != usual[name]]
    said += [name for name, value in (("release", release), ("dry_run", dry_run)) if value]
    if said:
        flag = said[0].replace("_", "-")
        raise ColdforgeError(f"--{flag} is for {TENSORRT_LLM}", f"--backend {TENSORRT_LLM}")


def _onnxruntime(checkpoint: str, out: str, activations: str, yes: bool, json: bool) -> None:
    if outside():
        from coldforge.engine.card import ENGINE

        with making(out, ENGINE) as staged:
            spelled = flags(
                checkpoint=full(checkpoint), out=staged, activations=activations, json=json
            )
            hand_over("engine.build", spelled, given(checkpoint), staged, yes)
        return
    from coldforge.engine.commands.build import run_build

    found = run_build(checkpoint, out, activations or "float32")
    emit(found, json, table(found))


def _tensorrt(
    checkpoint: str, out: str, release: str, asked: dict[str, Any], dry_run: bool, yes: bool
) -> dict[str, Any]:
    from coldforge.engine.tensorrt_llm.build.settings import Settings
    from coldforge.paths import Workspace
    from coldforge.tasks import _engine_tensorrt_llm as host

    if not outside():
        raise ColdforgeError("TensorRT-LLM's images are started from the host", "run it there")
    space = Workspace.find()
    settings = Settings(**{**asked, "alpha": share(asked["alpha"])})
    wish = host.wish_of(space, checkpoint, release, settings)
    if dry_run:
        return host.dry_run(wish, Path(out))
    return host.build_engine(space, wish, Path(out), yes)


def share(text: str) -> float:
    """Read --alpha."""
    try:
        return float(text)
    except ValueError as error:
        raise ColdforgeError(f"--alpha {text} is no number", "write 0.5") from error


def table(found: dict[str, Any]) -> str:
    """Say what was built."""
    from coldforge.progress import amount

    lines = [
        f"{found['backend']} {found['precision']}, {amount(found['disk_bytes'])}",
        f"digest {found['digest']} ({found['seconds']:.0f} s)",
    ]
    return "\n".join(lines)
