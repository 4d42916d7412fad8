"""model.demo, quantize, evaluate, generate, checkpoint.diff: in the image, or handed to it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from coldforge.tasks import _model_text as words
from coldforge.tasks._engine import YES
from coldforge.tasks._task import emit, task

HELP = {"json": "Print the result for programs.", "yes": YES}
MODEL = "Model directory: config.json, safetensors, tokenizer."


@partial(
    task,
    help={
        **HELP,
        "out": "Folder to make.",
        "seed": "Of weights and order.",
        "steps": "Optimiser steps.",
    },
)
def demo(
    context: Context,
    out: str,
    seed: int = 0,
    steps: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Train a small Llama on the Python standard library's sources. Two to four minutes.

    Example: invoke model.demo --out models/demo
    """
    from coldforge.model.run import DEMO, run_demo

    if _outside():
        with _making(out, DEMO) as staged:
            _hand_over(
                "model.demo", _flags(out=staged, seed=seed, steps=steps, json=json), [], staged, yes
            )
        return
    emit(found := run_demo(out, seed, steps or None), json, words.demo(found))


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "out": "Folder to make.",
        "method": "How: gptq.",
        "bits": "Width of a weight.",
        "group_size": "Weights that share a scale; -1 for a whole row.",
        "calibration": "Text file or folder; else the standard library's sources.",
        "samples": "Calibration windows.",
        "length": "Tokens of a window.",
        "seed": "Of the windows drawn.",
    },
)
def quantize(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: str,
    out: str,
    method: str = "gptq",
    bits: int = 4,
    group_size: int = 128,
    calibration: str = "",
    samples: int = 128,
    length: int = 512,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Store a model's linear weights in fewer bits, in files other tools load.

    Example: invoke quantize --model models/demo --method gptq --bits 4 --out models/demo-int4
    """
    from coldforge.model.run import QUANTISED, run_quantize

    options: dict[str, Any] = {
        "method": method, "bits": bits, "group_size": group_size, "samples": samples,
        "length": length, "seed": seed,
    }  # fmt: skip
    if _outside():
        with _making(out, QUANTISED) as staged:
            reads = _paths(model, calibration)
            flags = _flags(
                model=_whole(model),
                calibration=_whole(calibration),
                out=staged,
                json=json,
                **options,
            )
            _hand_over("quantize", flags, reads, staged, yes)
        return
    found = run_quantize(model, out, calibration=calibration or None, **options)
    emit(found, json, words.quantize(found))


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "reference": "Original model to measure the distance from.",
        "text": "Text file or folder; else held-out sources of the standard library.",
        "window": "Tokens of a window.",
        "limit": "Windows at most.",
    },
)
def evaluate(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: str,
    reference: str = "",
    text: str = "",
    window: int = 512,
    limit: int = 64,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Measure a model's perplexity on held-out text, original or quantised.

    Example: invoke evaluate --model models/demo-int4 --reference models/demo
    """
    from coldforge.model.run import run_evaluate

    if _outside():
        flags = _flags(
            model=_whole(model), reference=_whole(reference), text=_whole(text), window=window,
            limit=limit, json=json,
        )  # fmt: skip
        _hand_over("evaluate", flags, _paths(model, reference, text), None, yes)
        return
    found = run_evaluate(model, reference or None, text or None, window, limit)
    emit(found, json, words.evaluate(found))


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "prompt": "Text to continue.",
        "max_new_tokens": "Tokens at most.",
    },
)
def generate(
    context: Context,
    model: str,
    prompt: str,
    max_new_tokens: int = 64,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Continue a prompt, the likeliest token each time.

    Example: invoke generate --model models/demo-int4 --prompt "import os"
    """
    from coldforge.model.run import run_generate

    if _outside():
        flags = _flags(model=_whole(model), prompt=prompt, max_new_tokens=max_new_tokens, json=json)
        _hand_over("generate", flags, _paths(model), None, yes)
        return
    live = sys.stdout.isatty() and not json
    found = run_generate(model, prompt, max_new_tokens, live)
    emit(found, json, "" if live else found["prompt"] + found["text"])


@partial(task, help={"one": MODEL, "other": "Another.", "json": HELP["json"]})
def diff(context: Context, one: str, other: str, json: bool = False) -> None:
    """Say whether two checkpoints hold the same tensors, and which differ; exit 1 if any does.

    Example: invoke checkpoint.diff --one models/a --other models/b
    """
    from coldforge.model.run import run_diff

    found = run_diff(one, other)
    emit(found, json, words.diff(found))
    if not found["equal"]:
        raise SystemExit(1)


def add_to(root: Collection) -> None:
    """Put the model tasks where users call them."""
    for item in (quantize, evaluate, generate):
        root.add_task(item)
    root.add_collection(Collection("model", demo))
    root.add_collection(Collection("checkpoint", diff))


def _outside() -> bool:
    from coldforge.tasks import inside

    return not inside()


def _hand_over(name: str, flags: list[str], reads: list[Path], out: Path | None, yes: bool) -> None:
    """Run the task in the image, which sees `reads` and may write beside `out`."""
    from coldforge.tasks._inside import Inside, run

    run(Inside(name, flags, reads, [out.parent] if out else [], yes=yes))


@contextmanager
def _making(out: str, kind: str) -> Iterator[Path]:
    """Yield a place of its own for the image to write; put what it made at `out`."""
    from coldforge.model.output import staged

    with staged(Path(out), kind) as place:
        yield place


def _flags(**options: object) -> list[str]:
    from coldforge.tasks._inside import flags_of

    return flags_of(**options)


def _whole(path: str) -> str:
    return str(Path(path).resolve()) if path else ""


def _paths(*paths: str) -> list[Path]:
    return [Path(path).resolve() for path in paths if path]
