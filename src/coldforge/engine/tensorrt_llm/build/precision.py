"""The arithmetic of an engine, from the checkpoint's config alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.build.settings import BuildSettings
from coldforge.errors import ColdforgeError

GPTQ, AWQ = "gptq", "awq"
FLOATS = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32"}
TO_GPTQ = "run: invoke checkpoint.convert --model {} --to gptq --out DIR"


@dataclass(frozen=True)
class Precision:
    """How the linear layers of an engine are stored and multiplied."""

    name: str
    """As a card says it: fp16, int8, int4, w8a8."""
    weight_only: str = ""
    """The releases' own name where only weights are quantised: int8, int4, int4_gptq …"""
    source: str = ""
    """Which format the codes come from: gptq or awq; empty: the release rounds the original."""
    group_size: int = 0
    """Weights that share a scale; 0 where a whole column does."""
    symmetric: bool = True
    """Whether every zero point is the middle of the codes."""


def precision_of(checkpoint: Checkpoint, settings: BuildSettings) -> Precision:
    """Find it; raise ColdforgeError for a checkpoint that no release reads, and say what helps."""
    if not checkpoint.quantization:
        return _plain(settings)
    if settings.precision:
        raise ColdforgeError(
            f"{checkpoint.folder.name} is quantised already: --precision is for originals",
            "leave --precision out, or give the original",
        )
    form = checkpoint.format
    name = form.name if form else ""
    _refuse_unread(checkpoint, name)
    bits = int(checkpoint.quantization.get("bits", 4))
    group_size = int(checkpoint.quantization.get("group_size", 128))
    source = AWQ if name == AWQ else GPTQ
    symmetric = source == AWQ or bool(checkpoint.quantization.get("sym", True))
    return Precision(f"int{bits}", f"int{bits}_{source}", source, group_size, symmetric)


def _plain(settings: BuildSettings) -> Precision:
    asked = settings.precision
    if not asked:
        return Precision(FLOATS[settings.dtype])
    return Precision(asked, "" if asked == "w8a8" else asked)


def _refuse_unread(checkpoint: Checkpoint, form: str) -> None:
    """Raise ColdforgeError for what every release misreads or cannot read.

    Sources: load_from_gptq_llama of releases 0.5.0 and 0.10 (q - qz - 1, g_idx never read), and
    convert_checkpoint.py of 1.2 (it warns of desc_act, and goes on).
    """
    found = [*_unread_format(form, checkpoint), *_unread_settings(form, checkpoint.quantization)]
    for why, hint in found:
        raise ColdforgeError(f"TensorRT-LLM would misread {checkpoint.folder.name}: {why}", hint)


def _unread_format(form: str, checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    """Yield why a format is misread, and what to do."""
    convert = TO_GPTQ.format(checkpoint.folder)
    if form == "gptq_v2":
        yield "its zero points are stored as they are, and the releases add one (gptq_v2)", convert
    elif form not in {GPTQ, AWQ}:
        original = "give the original, and say --precision int8 or w8a8"
        hint = convert if form == "packed" else original
        yield f"its format is {form}, which no release reads", hint


def _unread_settings(form: str, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield why a quantization_config is misread, and what to do."""
    if settings.get("dynamic"):
        yield "its layers have different widths or groups", "quantize with one width: --method gptq"
    if settings.get("desc_act"):
        yield (
            "its groups are out of order (desc_act), and the releases read no g_idx",
            "quantize again: --act-order keeps groups in order",
        )
    if settings.get("lm_head"):
        yield (
            "its head is quantised, and the releases read a plain one",
            "quantize again without the head",
        )
    if form == GPTQ and settings.get("bits") not in {4, 8}:
        yield f"its weights have {settings.get('bits')} bits", "quantize --bits 4"
