"""quantize: a model's linear weights in fewer bits."""

from functools import partial
from typing import Any

from invoke.context import Context

from coldforge.tasks._model import HELP, MODEL, flags, full, given, hand_over, making, outside
from coldforge.tasks._task import emit, task


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "out": "Folder to make.",
        "method": "How: gptq.",
        "bits": "Width of a weight.",
        "group_size": "Weights that share a scale; -1 for a whole row.",
        "calibration": "Frozen set, text file or folder; else the standard library's sources.",
        "samples": "Calibration windows; else all of a set, 128 from text.",
        "length": "Tokens of a window; else those of a set, 512 from text.",
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
    samples: int = 0,
    length: int = 0,
    seed: int = 0,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Store a model's linear weights in fewer bits, in files other tools load.

    Example: invoke quantize --model models/demo --method gptq --bits 4 --out models/demo-int4
    """
    from coldforge.model.verbs.facts import QUANTISED
    from coldforge.model.verbs.quantize import run_quantize

    options: dict[str, Any] = {
        "method": method, "bits": bits, "group_size": group_size, "samples": samples or None,
        "length": length or None, "seed": seed,
    }  # fmt: skip
    if outside():
        with making(out, QUANTISED) as staged:
            reads = given(model, calibration)
            spelled = flags(
                model=full(model),
                calibration=full(calibration),
                out=staged,
                json=json,
                **options,
            )
            hand_over("quantize", spelled, reads, staged, yes)
        return
    found = run_quantize(model, out, calibration=calibration or None, **options)
    emit(found, json, table(found))


def table(found: dict[str, Any]) -> str:
    """Say what quantising gave."""
    from coldforge.progress import amount

    share = found["linear_bytes"] / found["linear_fp16_bytes"]
    drawn = found["calibration"]
    return (
        f"linear weights {amount(found['linear_bytes'])}, {share:.3f} of fp16's "
        f"{amount(found['linear_fp16_bytes'])}; on disk {amount(found['disk_bytes'])}\n"
        f"calibrated with {drawn['samples']} windows of {drawn['length']} tokens, "
        f"{drawn['corpus']}\n"
        f"digest {found['digest']} ({found['seconds']:.0f} s)"
    )
