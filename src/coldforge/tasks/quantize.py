"""quantize: a model's linear weights in fewer bits."""

from functools import partial
from typing import Any

from invoke.context import Context

from coldforge.errors import ColdforgeError
from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._model_flags import HELP, MODEL, flags, full, given, hand_over, making, outside

METHODS = "gptq, rtn, awq, w8a8, mixed, qat, dynamic-int8, binary, fp16, bf16"


@partial(
    task,
    help={
        **HELP,
        "model": MODEL,
        "out": "Folder to make.",
        "method": f"How: {METHODS}.",
        "bits": "Width of a weight: 8, 4 or 3. Default 4.",
        "group_size": "Weights that share a scale, -1 for a whole row. Default 128.",
        "asym": "Zero points of their own for each group.",
        "act_order": "gptq: most important inputs first, groups unmoved (static).",
        "activations": "w8a8: static (one scale from calibration) or dynamic (one a token).",
        "alpha": "w8a8: share of the activations' range moved into the weights; else searched.",
        "budget": "mixed: bytes to spend, as a share of fp16's, such as 0.35.",
        "max_kl": "mixed: divergence to stay below, such as 0.002.",
        "steps": "qat: training steps. Default 100.",
        "prune": "Weights to set to zero first: 2:4, or a share such as 0.5.",
        "blocks": "Quantise these blocks only, such as 0:2.",
        "calibration": "Frozen set, text file or folder; else the standard library's sources.",
        "samples": "Calibration windows; else all of a set, 128 from text.",
        "length": "Tokens of a window; else those of a set, 512 from text.",
        "seed": "Of the windows drawn.",
        "device": "cpu, cuda or auto.",
        "dtype": "Of the forward passes: float32, bfloat16, float16 (cuda).",
    },
)
def quantize(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    model: str,
    out: str,
    method: str = "gptq",
    bits: int = 0,
    group_size: int = 0,
    asym: bool = False,
    act_order: bool = False,
    activations: str = "",
    alpha: str = "",
    budget: str = "",
    max_kl: str = "",
    steps: int = 0,
    prune: str = "",
    blocks: str = "",
    calibration: str = "",
    samples: int = 0,
    length: int = 0,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Store a model's linear weights in fewer bits, in files other tools load.

    Killed, the same command goes on after the last whole block.

    Example: invoke quantize --model models/demo --method gptq --bits 4 --out models/demo-int4
    """
    own = {
        "bits": bits, "group_size": group_size, "activations": activations, "alpha": alpha,
        "budget": budget, "max_kl": max_kl, "steps": steps, "act_order": act_order, "asym": asym,
    }  # fmt: skip
    common: dict[str, Any] = {
        "method": method, "prune": prune, "blocks": blocks, "samples": samples or None,
        "length": length or None, "seed": seed, "device": device, "dtype": dtype,
    }  # fmt: skip
    if outside():
        _outside(model, out, calibration, {**own, **common, "json": json}, yes)
        return
    from coldforge.quantize.quantize import run_quantize

    found = run_quantize(model, out, asked=asked_of(own), calibration=calibration or None, **common)
    emit(found, json, table(found))


def _outside(model: str, out: str, calibration: str, options: dict[str, Any], yes: bool) -> None:
    from coldforge.model.card_facts import QUANTISED

    options = {name: item for name, item in options.items() if item not in {0, ""}}
    with making(out, QUANTISED) as staged:
        spelled = flags(model=full(model), calibration=full(calibration), out=staged, **options)
        hand_over("quantize", spelled, given(model, calibration), staged, yes)


def asked_of(own: dict[str, Any]) -> dict[str, Any]:
    """Keep what the user gave of a method's own flags, numbers as numbers."""
    asked = {name: item for name, item in own.items() if item}
    for name in asked.keys() & {"alpha", "budget", "max_kl"}:
        try:
            asked[name] = float(asked[name])
        except ValueError as error:
            flag = f"--{name.replace('_', '-')}"
            raise ColdforgeError(f"{flag} {asked[name]} is no number", "write 0.5") from error
    if asked.pop("asym", False):
        asked["sym"] = False
    return asked


def table(found: dict[str, Any]) -> str:
    """Say what quantising gave."""
    from coldforge.progress import amount

    share = found["linear_bytes"] / found["linear_fp16_bytes"]
    lines = [
        f"linear weights {amount(found['linear_bytes'])}, {share:.3f} of fp16's "
        f"{amount(found['linear_fp16_bytes'])}; on disk {amount(found['disk_bytes'])}"
    ]
    if drawn := found["calibration"]:
        lines.append(
            f"calibrated with {drawn['samples']} windows of {drawn['length']} tokens, "
            f"{drawn.get('corpus', drawn.get('name', 'a frozen set'))}"
        )
    lines += found.get("explained", [])
    return "\n".join([*lines, f"digest {found['digest']} ({found['seconds']:.0f} s)"])


TASKS = everywhere(quantize)
