"""Checks before a quantisation begins: model, device, blocks, pruning, groups."""

import re
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.errors import ColdforgeError
from coldforge.model.families.blocks import block_tensors
from coldforge.model.families.registry import family_of
from coldforge.quantize.blockwise.prune import share
from coldforge.quantize.blockwise.skeleton import DTYPES
from coldforge.quantize.methods.method import check_groups

DEVICES = ("cpu", "cuda", "auto")


def check(
    checkpoint: Checkpoint, dtype: str, blocks: str, prune: str, settings: dict[str, Any]
) -> range | None:
    """Return the blocks to quantise, None for all; raise ColdforgeError for what cannot be done."""
    if checkpoint.quantization:
        raise ColdforgeError(f"{checkpoint.folder} is quantised already", "name the original model")
    family_of(checkpoint.config)
    if dtype not in DTYPES:
        raise ColdforgeError(f"unknown dtype {dtype!r}", f"choose --dtype: {', '.join(DTYPES)}")
    if prune:
        share(prune)
    if settings.get("group_size"):
        check_groups(checkpoint, settings["group_size"])
    return span(blocks, len(block_tensors(checkpoint))) if blocks else None


def span(text: str, count: int) -> range:
    """Read "2:6" as range(2, 6); raise ColdforgeError beyond `count` blocks."""
    found = re.fullmatch(r"(\d*):(\d*)", text)
    if not found:
        raise ColdforgeError(f"--blocks {text} is not a range", "write first:end, such as 0:2")
    start, stop = int(found[1] or 0), int(found[2] or count)
    if not start < stop <= count:
        raise ColdforgeError(
            f"--blocks {text} is not within {count} blocks", f"choose within 0:{count}"
        )
    return range(start, stop)


def find_device(name: str, dtype: str = "float32") -> str:
    """Return cpu or cuda; raise ColdforgeError if it is not there or has no such arithmetic."""
    import torch

    if name not in DEVICES:
        raise ColdforgeError(f"unknown device {name!r}", f"choose --device: {', '.join(DEVICES)}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ColdforgeError("there is no CUDA device", "choose --device cpu, or auto")
    found = "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"
    if found == "cpu" and dtype == "float16":
        raise ColdforgeError("float16 arithmetic needs a CUDA device", "choose --dtype bfloat16")
    return found
