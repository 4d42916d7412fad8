"""Predict an engine's memory before it is built."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.engine.backend import PREDICTED, Backend, find_backend
from coldforge.engine.memory.outline import (
    Outline,
    Widths,
    asked_widths,
    measured_widths,
    widths_of,
)
from coldforge.engine.memory.prediction import CardMemory, Prediction, choose, read_cards
from coldforge.engine.memory.settings import MemorySettings, lengths
from coldforge.errors import ColdforgeError
from coldforge.model.families.dimensions import dimensions

ASKED = ("max_batch_size", "max_input_len", "max_output_len", "tp", "pp", "dtype")


def run_memory(
    place: str,
    bits: int = 0,
    group_size: int = 128,
    card: str = "",
    backend: str = PREDICTED,
    **settings: Any,  # noqa: ANN401 - fields of Settings
) -> dict[str, Any]:
    """Predict the memory of an engine of `place`: a model directory, or its config.json.

    `bits`: what if every layer had that many, in groups of `group_size` (0: a scale an output);
    else the checkpoint's own, exact where its weights are there. `settings`: see MemorySettings.
    Raise ColdforgeError for a model or settings that no engine can have.
    """
    chosen = find_backend(backend)
    path = Path(place).absolute()
    config = _config(path)
    size = dimensions(config)
    widths = asked_widths(bits, group_size) if bits else _widths(path, config)
    outline = Outline(size, config, widths)
    asked = complete(outline, MemorySettings(**settings))
    found = predict(chosen, outline, asked)
    return {
        "task": "engine.memory",
        "model": path.parent.name if path.name == "config.json" else path.stem,
        "backend": chosen.name,
        **{name: getattr(asked, name) for name in ASKED},
        "int8_kv_cache": asked.int8_kv_cache,
        "context_fmha": asked.context_fmha,
        **found.facts(),
        "cards": found.on(_cards(chosen, card)),
    }


def _config(path: Path) -> dict[str, Any]:
    """Read config.json; raise ColdforgeError."""
    place = path / "config.json" if path.is_dir() else path
    try:
        config = json.loads(place.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ColdforgeError(
            f"{place} cannot be read: {error}", "name a model directory"
        ) from error
    if not isinstance(config, dict):
        raise ColdforgeError(f"{place} is not a JSON object", "copy the file again")
    return config


def _widths(path: Path, config: Mapping[str, Any]) -> Widths:
    """Find the widths in the config, and in the weights' headers where they are there."""
    if path.is_dir() and any(path.glob("*.safetensors")):
        checkpoint = read_checkpoint(path)
        return measured_widths(checkpoint.linears, widths_of(checkpoint.quantization))
    folder = path if path.is_dir() else path.parent
    return widths_of(Checkpoint(folder, dict(config), ()).quantization)


def _cards(backend: Backend, name: str) -> list[CardMemory]:
    """List what an engine could run on: GPUs, or this machine."""
    if backend.on_card:
        return choose(read_cards(), name)
    if name:
        raise ColdforgeError(
            f"an engine of {backend.name} runs in the machine's memory, not on a card",
            "leave --card out",
        )
    return [CardMemory("this machine", os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))]


def complete(outline: Outline, settings: MemorySettings) -> MemorySettings:
    """Fill in the default lengths; raise ColdforgeError for invalid settings."""
    size = outline.size
    into, out = lengths(size, settings.max_input_len, settings.max_output_len)
    filled = replace(settings, max_input_len=into, max_output_len=out)
    filled.check(size)
    return filled


def predict(backend: Backend, outline: Outline, settings: MemorySettings) -> Prediction:
    """Predict an engine's bytes, settings complete; raise ColdforgeError for one that cannot be."""
    settings.refuse(backend.lacks, backend.name)
    return backend.predict(outline, settings)
