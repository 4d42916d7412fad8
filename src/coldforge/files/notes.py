"""Small JSON files that record what a step found, so that a rerun can continue."""

import json
from pathlib import Path
from typing import Any

from coldforge.files.atomic import write_file


def read_note(path: Path) -> dict[str, Any]:
    """Read a note; {} if there is no readable one."""
    try:
        note = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def write_note(path: Path, note: dict[str, Any]) -> None:
    """Write a note atomically, keys sorted."""
    write_file(path, (json.dumps(note, indent=2, sort_keys=True) + "\n").encode())
