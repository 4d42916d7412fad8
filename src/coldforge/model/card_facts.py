"""Facts that every task reports: sizes, seconds, image, versions."""

import time
from typing import Any

from coldforge.checkpoint.checkpoint import Checkpoint
from coldforge.errors import ColdforgeError
from coldforge.files.output import CARD, read_card
from coldforge.model.runtime import image, versions

WINDOW = 512
"""Tokens; the default of quantising and evaluating."""
DEMO, QUANTISED = "demo model", "quantised model"


def sizes(checkpoint: Checkpoint) -> dict[str, int]:
    """Count bytes: on disk, of the linear layers, and of these at two bytes a weight."""
    return {
        "disk_bytes": checkpoint.disk_bytes,
        "linear_bytes": checkpoint.linear_bytes,
        "linear_fp16_bytes": checkpoint.linear_fp16_bytes,
    }


def refuse_changed(checkpoint: Checkpoint) -> None:
    """Raise ColdforgeError if a model's weights are not those that its card names."""
    known = read_card(checkpoint.folder).get("digest")
    if known and known != checkpoint.digest:
        raise ColdforgeError(
            f"the weights of {checkpoint.folder} are not those that {CARD} names",
            "a damaged or edited file: copy the model again, or remove the card",
        )


def circumstances(task: str, started: float) -> dict[str, Any]:
    """Report task, image, seconds and versions; `started` is time.monotonic() at the beginning."""
    return {
        "task": task,
        "image": image(),
        "seconds": round(time.monotonic() - started, 2),
        "versions": versions(),
    }
