"""Compare two model directories."""

from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import compare, read_checkpoint


def run_diff(one: str, other: str) -> dict[str, Any]:
    """Compare two model directories tensor by tensor."""
    return compare(read_checkpoint(Path(one)), read_checkpoint(Path(other)))
