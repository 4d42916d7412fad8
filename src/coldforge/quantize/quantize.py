"""Quantise a model into a folder; killed, the same call continues where it stopped."""

import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.files.digest import sha256_json
from coldforge.files.output import read_card, refuse_foreign, resumable, write_card
from coldforge.model.card_facts import QUANTISED, circumstances, refuse_changed, sizes
from coldforge.model.process_stats import peak_rss
from coldforge.model.runtime import prepare, versions
from coldforge.progress import say, step
from coldforge.quantize.blockwise.request import Request, Result
from coldforge.quantize.calibration.calibration import Calibration
from coldforge.quantize.methods.method import Method
from coldforge.quantize.preflight import check, find_device
from coldforge.quantize.registry import find_method, settings_of

SOLVER = 1
"""Raised when the same request would give other bytes than before."""


def run_quantize(  # noqa: PLR0913 - a flag each
    model: str,
    out: str,
    *,
    method: str = "gptq",
    asked: dict[str, Any] | None = None,
    calibration: str | None = None,
    samples: int | None = None,
    length: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float32",
    blocks: str = "",
    prune: str = "",
) -> dict[str, Any]:
    """Quantise `model` into `out`; `asked` are the method's settings that the user gave."""
    started, place = time.monotonic(), Path(out)
    chosen, settings = find_method(method), settings_of(method, asked or {})
    checkpoint = read_checkpoint(Path(model))
    refuse_foreign(place, QUANTISED)
    span = check(checkpoint, dtype, blocks, prune, settings)
    refuse_changed(checkpoint)
    prepare()
    device = find_device(device, dtype)
    drawn = _drawn(chosen, checkpoint, calibration, samples, length, seed)
    common = {"dtype": dtype, "device": device, "prune": prune, "blocks": blocks}
    job = {
        "method": method,
        "parameters": {**settings, **common},
        "seed": seed,
        "model_digest": checkpoint.digest,
        "calibration": drawn.facts if drawn else None,
        "solver": SOLVER,
    }
    digest = sha256_json({**job, "versions": versions()})
    if known := _made(place, digest):
        return known
    with resumable(place, QUANTISED, digest) as part:
        request = Request(checkpoint, drawn, part, settings, seed, device, dtype, span, prune)
        facts = {**job, "job": digest, **_quantised(chosen, request)}
        facts |= circumstances("quantize", started)
        write_card(part, QUANTISED, facts)
    return facts


def _drawn(
    method: Method,
    checkpoint: Checkpoint,
    given: str | None,
    samples: int | None,
    length: int | None,
    seed: int,
) -> Calibration | None:
    """Return the calibration asked for; None for a method that needs none."""
    from coldforge.quantize.calibration.find import calibration_for

    if not method.calibrated:
        return None
    return calibration_for(checkpoint, given, samples, length, seed)


def _quantised(method: Method, request: Request) -> dict[str, Any]:
    """Fill the request's folder with a checkpoint; return what the card says of it."""
    result = method.quantise(request)
    made = _finish(request.checkpoint, request.out, result)
    return {**_found(result, made), **sizes(made), "peak_rss_bytes": peak_rss()}


def _made(place: Path, digest: str) -> dict[str, Any]:
    """Return the card of a checkpoint that the same job made and that is unchanged; else {}."""
    card = read_card(place)
    if card.get("job") != digest or read_checkpoint(place).digest != card.get("digest"):
        return {}
    say(f"{place.name} was made before from the same model, calibration and settings")
    return card


def _finish(checkpoint: Checkpoint, part: Path, result: Result) -> Checkpoint:
    """Write configs and tokenizer beside the weights, and read the checkpoint back."""
    from coldforge.model.tokens import copy_files
    from coldforge.quantize.blockwise.outside_blocks import write_configs

    with step("Checking the checkpoint") as work:
        copy_files(checkpoint.folder, part)
        write_configs(checkpoint, part, result)
        made = read_checkpoint(part)
        work.result = f"{made.linear_bytes / made.linear_fp16_bytes:.3f} of fp16's linear bytes"
    return made


def _found(result: Result, made: Checkpoint) -> dict[str, Any]:
    return {
        "digest": made.digest,
        "layers": {
            item.layer: {"bits": item.bits, "group_size": item.group_size, "error": item.error}
            for item in result.layers
        },
        **result.extra,
    }
