"""What every verb's answer says of itself: sizes, seconds, image, versions."""

import time
from typing import Any

from coldforge.model.checkpoint import Checkpoint
from coldforge.model.runtime import image, versions

WINDOW = 512  # tokens; the default of quantising and judging
DEMO, QUANTISED = "demo model", "quantised model"


def sizes(checkpoint: Checkpoint) -> dict[str, int]:
    """Count bytes: on disk, of the linear layers, and of these at two bytes a weight."""
    return {
        "disk_bytes": checkpoint.disk_bytes,
        "linear_bytes": checkpoint.linear_bytes,
        "linear_fp16_bytes": checkpoint.linear_fp16_bytes,
    }


def circumstances(started: float) -> dict[str, Any]:
    """Say where and how long; `started` is time.monotonic() at the beginning."""
    return {
        "image": image(),
        "seconds": round(time.monotonic() - started, 2),
        "versions": versions(),
    }
