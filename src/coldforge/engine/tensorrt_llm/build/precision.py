"""In what arithmetic a checkpoint can become an engine; read from its config alone."""

from dataclasses import dataclass

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.engine.tensorrt_llm.build.settings import Settings
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
    """The releases' own name where weights alone are quantised: int8, int4, int4_gptq …"""
    source: str = ""
    """Which format the codes come from: gptq or awq; empty: the release rounds the original."""
    group_size: int = 0
    """Weights that share a scale; 0 where a whole column does."""
    symmetric: bool = True
    """Whether every zero point is the middle of the codes."""


def precision_of(checkpoint: Checkpoint, settings: Settings) -> Precision:
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


def _plain(settings: Settings) -> Precision:
    asked = settings.precision
    if not asked:
        return Precision(FLOATS[settings.dtype])
    return Precision(asked, "" if asked == "w8a8" else asked)


def _refuse_unread(checkpoint: Checkpoint, form: str) -> None:
    """Raise ColdforgeError for what every release misreads or cannot read; the rest is its own.

    Sources: load_from_gptq_llama of releases 0.5.0 and 0.10 (q - qz - 1, g_idx never read), and
    convert_checkpoint.py of 1.2 (it warns of desc_act, and goes on).
    """
    settings, place = checkpoint.quantization, checkpoint.folder
    original = "give the original, and say --precision int8 or w8a8"
    convert = TO_GPTQ.format(place)
    refusals = {
        "its zero points are stored as they are, and the releases add one (gptq_v2)": (
            form == "gptq_v2",
            convert,
        ),
        f"its format is {form}, which no release reads": (
            form not in {GPTQ, AWQ, "gptq_v2"},
            convert if form == "packed" else original,
        ),
        "its layers have different widths or groups": (
            bool(settings.get("dynamic")),
            "quantize with one width: --method gptq",
        ),
        "its groups are out of order (desc_act), and the releases read none": (
            bool(settings.get("desc_act")),
            "quantize again: --act-order keeps groups in order",
        ),
        "its head is quantised, and the releases read a plain one": (
            bool(settings.get("lm_head")),
            "quantize again without the head",
        ),
        f"its weights have {settings.get('bits')} bits": (
            form == GPTQ and settings.get("bits") not in {4, 8},
            "quantize --bits 4",
        ),
    }
    for why, (applies, hint) in refusals.items():
        if applies:
            raise ColdforgeError(f"TensorRT-LLM would misread {place.name}: {why}", hint)
