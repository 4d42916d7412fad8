"""Check what a release of TensorRT-LLM would load from a checkpoint; predict the memory."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.engine.commands.memory import run_memory
from coldforge.engine.memory.settings import BYTES
from coldforge.engine.tensorrt_llm.build.settings import NAME
from coldforge.engine.tensorrt_llm.loader.registry import find_loader
from coldforge.engine.tensorrt_llm.loader.verdict import SOUND, Finding, worst
from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.model.card_facts import circumstances

SKIPPED = "skipped"


def run_check(
    checkpoint: str,
    release: str,
    tp: int = 1,
    dtype: str = "float16",
    **sizes: int,
) -> dict[str, Any]:
    """Load `checkpoint` as `release` would; `sizes`: as engine.memory names them.

    From a config.json alone only the memory is predicted. Raise ColdforgeError for a folder that
    is not a model, and for settings that no engine has.
    """
    started, loader = time.monotonic(), find_loader(release)
    if tp < 1:
        raise ColdforgeError(f"--tp {tp} is less than 1", "give 1 or more")
    if dtype not in BYTES:
        raise UnknownNameError("type of an engine", dtype, list(BYTES))
    place = Path(checkpoint)
    found: dict[str, Any] = {"verdict": SKIPPED, "loader": f"skipped: no weights in {checkpoint}"}
    if not weightless(place):
        found = _loaded(read_checkpoint(place), release, tp, dtype)
    return {
        "checkpoint": "",
        "layers": [],
        "fixes": [],
        "model": (place.parent if place.is_file() else place).absolute().name,
        "release": loader.name,
        "tp": tp,
        "dtype": dtype,
        **found,
        "memory": _memory(checkpoint, backend=NAME, tp=tp, dtype=dtype, **sizes),
        **circumstances("engine.check", started),
    }


def weightless(place: Path) -> bool:
    """Tell whether there is a config.json without weights."""
    if place.is_file():
        return True
    weights = [*place.glob("*.safetensors"), *place.glob("*.bin")]
    return (place / "config.json").is_file() and not weights


def sound(found: dict[str, Any]) -> bool:
    """Tell whether an engine may be built: all is sound, or weights were not checked."""
    return found["verdict"] in SOUND | {SKIPPED}


def _loaded(checkpoint: Checkpoint, release: str, tp: int, dtype: str) -> dict[str, Any]:
    from coldforge.engine.tensorrt_llm.loader.checkpoint_check import LoadCheck
    from coldforge.model.runtime import prepare

    prepare()
    findings = LoadCheck(checkpoint, find_loader(release), tp, dtype).findings()
    return {
        "checkpoint": checkpoint.digest,
        "layers": [item.json() for item in findings],
        "verdict": worst(findings),
        "loader": "a model of it, computed without the release",
        "fixes": _fixes(findings),
    }


def _fixes(found: Iterable[Finding]) -> list[str]:
    """List the fixes, each once, in the order of the layers."""
    return list(dict.fromkeys(item.fix for item in found if item.fix))


def _memory(checkpoint: str, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - numbers and names
    try:
        return run_memory(checkpoint, **settings)
    except ColdforgeError as error:
        return {"skipped": error.message}
