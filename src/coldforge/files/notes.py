"""Notes: what a step found, as JSON in a file, so that a killed run knows what it had done."""

import json
from pathlib import Path
from typing import Any

from coldforge.files.atomic import write_file


def read_note(path: Path) -> dict[str, Any]:
    """Read a note; {} if there is none that can be read."""
    try:
        note = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def write_note(path: Path, note: dict[str, Any]) -> None:
    """Write a note whole, keys sorted."""
    write_file(path, (json.dumps(note, indent=2, sort_keys=True) + "\n").encode())
