"""engine.memory: what an engine takes of a card, before it is built."""

from functools import partial
from typing import Any

from invoke.context import Context

from coldforge.engine.backend import PREDICTED, choices
from coldforge.tasks._command import asked_for, emit, task
from coldforge.tasks._in_image import HELP

GIB = 1024**3


@partial(
    task,
    help={
        "checkpoint": "Model directory, or its config.json alone.",
        "backend": f"{choices(PREDICTED) if asked_for('engine.memory') else PREDICTED}.",
        "max_batch_size": "Sequences at once.",
        "max_input_len": "Tokens of the longest prompt; 2048 unless the model has less room.",
        "max_output_len": "Tokens of the longest answer; 1024 unless the model has less room.",
        "bits": "What if its layers had so many: 2, 3, 4, 8, or 16 for none quantised.",
        "group_size": "With --bits: weights that share a scale; 0 for one scale an output.",
        "tp": "Cards that share each layer.",
        "pp": "Cards that have some of the layers each.",
        "dtype": "What TensorRT-LLM computes in: float16, bfloat16, float32.",
        "int8_kv_cache": "Store keys and values in int8.",
        "context_fmha": "Attention over prompts in one kernel: --enable_context_fmha of release "
        "0.5.0; later releases do so unasked.",
        "activations": "onnxruntime: float32, or int8.",
        "card": "One card alone; exit 1 if the engine does not fit.",
        "json": HELP["json"],
    },
)
def memory(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    checkpoint: str,
    backend: str = PREDICTED,
    max_batch_size: int = 1,
    max_input_len: int = 0,
    max_output_len: int = 0,
    bits: int = 0,
    group_size: int = 128,
    tp: int = 1,
    pp: int = 1,
    dtype: str = "float16",
    int8_kv_cache: bool = False,
    context_fmha: bool = False,
    activations: str = "float32",
    card: str = "",
    json: bool = False,
) -> None:
    """Predict an engine's memory, card by card: weights, KV cache, workspace. Needs no weights.

    Example: invoke engine.memory --checkpoint models/codellama-34b --bits 4 --card A10
    """
    from coldforge.engine.commands.memory import run_memory

    found = run_memory(
        checkpoint, bits, group_size, card, backend=backend, max_batch_size=max_batch_size,
        max_input_len=max_input_len, max_output_len=max_output_len, tp=tp, pp=pp, dtype=dtype,
        int8_kv_cache=int8_kv_cache, context_fmha=context_fmha, activations=activations,
    )  # fmt: skip
    emit(found, json, table(found))
    if card and not found["cards"][0]["fits"]:
        raise SystemExit(1)


def table(found: dict[str, Any]) -> str:
    """Lay out the cards, what holds the bytes, and where the formula comes from."""
    shares = found["tp"] * found["pp"]
    lines = [
        f"{found['model']}, {found['precision']}, {found['backend']}"
        f"{f', a card of {shares}' if shares > 1 else ''}: "
        f"{found['max_batch_size']} x ({found['max_input_len']} in + {found['max_output_len']} out)"
        f"; predicted, not measured",
        "",
        *(_verdict(item) for item in found["cards"]),
        "",
        *_parts(found),
        "",
        *(f"{name}: {text}" for name, text in found["formula"].items()),
    ]
    return "\n".join(lines)


def _verdict(card: dict[str, Any]) -> str:
    verdict = "fits" if card["fits"] else "does not fit"
    needed = card["usable_bytes"] - card["free_bytes"]
    return f"{card['name']:<14}{verdict:<14}{_gib(needed)} of {_gib(card['usable_bytes'])} GiB"


def _parts(found: dict[str, Any]) -> list[str]:
    rows = [("weights", found["weights_bytes"])]
    rows += [(f"  {name}", size) for name, size in found["parts"]["weights"].items()]
    rows += [("KV cache", found["kv_bytes"]), ("workspace", found["workspace_bytes"])]
    rows += [(f"  {name}", size) for name, size in found["parts"]["workspace"].items()]
    rows.append(("together", found["total_bytes"]))
    rows += [
        (name.removesuffix("_bytes").replace("_", " "), size)
        for name, size in found.get("resident", {}).items()
    ]
    return [f"{name:<36}{_gib(size):>8} GiB" for name, size in rows]


def _gib(size: int) -> str:
    return f"{size / GIB:.2f}"
