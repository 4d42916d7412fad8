"""engine.check: what a TensorRT-LLM release would read in a checkpoint, without a GPU."""

import re
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from invoke.context import Context

from coldforge.tasks._command import asked_for, emit, task
from coldforge.tasks._in_image import HELP, MODEL, flags, full, given, hand_over, outside


def _releases() -> str:
    if not asked_for("engine.check"):
        return "a release"
    from coldforge.engine.tensorrt_llm.loader.registry import release_names

    *first, last = release_names()
    return f"{', '.join(first)} or {last}" if first else last


@partial(
    task,
    help={
        **HELP,
        "checkpoint": f"{MODEL} Or its config.json alone, for memory.",
        "release": f"TensorRT-LLM: {_releases()}.",
        "tp": "Cards that share each layer.",
        "dtype": "What the engine computes in: float16, bfloat16 or float32.",
        "max_batch_size": "Memory: sequences at once.",
        "max_input_len": "Memory: tokens of a prompt; 2048 unless the model has less room.",
        "max_output_len": "Memory: tokens of an answer; 1024 unless the model has less room.",
    },
)
def check(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    checkpoint: str,
    release: str,
    tp: int = 1,
    dtype: str = "float16",
    max_batch_size: int = 1,
    max_input_len: int = 0,
    max_output_len: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Load a checkpoint as a release's own program would, on a CPU; exit 1 unless it is right.

    Each layer's weights, as the engine would hold them, are held against what the checkpoint
    means. Beside it: the memory the engine would take of a card.

    Example: invoke engine.check --checkpoint models/demo-int4 --release 0.5.0
    """
    from coldforge.engine.commands.check import run_check, sound, weightless

    sizes = {
        "max_batch_size": max_batch_size,
        "max_input_len": max_input_len,
        "max_output_len": max_output_len,
    }
    if outside() and not weightless(Path(checkpoint)):
        spelled = flags(
            checkpoint=full(checkpoint), release=release, tp=tp, dtype=dtype, json=json, **sizes
        )
        hand_over("engine.check", spelled, given(checkpoint), None, yes)
        return
    found = run_check(checkpoint, release, tp, dtype, **sizes)
    emit(found, json, table(found))
    if not sound(found):
        raise SystemExit(1)


def table(found: dict[str, Any]) -> str:
    """Lay out verdicts, what helps, and the memory; layers that fare alike share a paragraph."""
    cards = f", {found['tp']} cards" if found["tp"] > 1 else ""
    lines = [f"{found['model']} in TensorRT-LLM {found['release']}{cards}: {found['verdict']}"]
    if not found["layers"]:
        lines.append(f"loader: {found['loader']}")
    for (verdict, why), same in groupby(sorted(found["layers"], key=_fate), key=_fate):
        lines += _paragraph(verdict, why, list(same))
    lines += [f"to do: {fix}" for fix in found["fixes"]]
    return "\n".join([*lines, *_memory(found["memory"])])


def _fate(layer: dict[str, Any]) -> tuple[str, str]:
    """Return verdict and reason, a block's number left out."""
    return layer["verdict"], re.sub(r"\.\d+\.", ".*.", layer["why"])


def _paragraph(verdict: str, why: str, same: list[dict[str, Any]]) -> list[str]:
    """Say how many share a fate, how bad it is, and which they are."""
    shares = [layer["share_wrong"] for layer in same]
    partly = max(shares) and min(shares) < 1
    wrong = f", {_percent(shares)} of their weights" if partly else ""
    lines = [f"{len(same):>5} {verdict}{wrong}{': ' if why else ''}{why}"]
    if why:
        names = sorted({re.sub(r"(^|\.)\d+\.", r"\1*.", layer["name"]) for layer in same})
        lines += [f"      {name}" for name in names]
    return lines


def _percent(shares: list[float]) -> str:
    low, high = (f"{100 * share:.1f}" for share in (min(shares), max(shares)))
    return f"{low} %" if low == high else f"{low} to {high} %"


def _memory(found: dict[str, Any]) -> list[str]:
    from coldforge.progress import amount

    if "skipped" in found:
        return [f"memory: skipped: {found['skipped']}"]
    lines = [
        f"memory, predicted: {amount(found['total_bytes'])} a card, {found['max_batch_size']} x "
        f"({found['max_input_len']} in + {found['max_output_len']} out)"
    ]
    for card in found["cards"]:
        fits = "fits" if card["fits"] else "does not fit"
        lines.append(f"  {card['name']:<16}{fits} in {amount(card['usable_bytes'])}")
    return lines
