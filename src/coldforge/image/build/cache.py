"""The build cache: key of a description -> record of its result."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coldforge.files.atomic import write_file
from coldforge.image.build import cache_key
from coldforge.image.build.cache_key import Description

Record = Mapping[str, Any]


class Cache:
    """A folder of records: <key>.json -> result, last/<step>.json -> description."""

    def __init__(self, root: Path) -> None:
        """Use `root`; it is made on the first write."""
        self.root = root

    def get(self, description: Description) -> Record | None:
        """Find the result of exactly this description."""
        return self._read(self.root / f"{cache_key.key(description)}.json")

    def put(self, step: str, description: Description, result: Record) -> None:
        """Record a result, and the description as the step's latest."""
        self._write(self.root / f"{cache_key.key(description)}.json", result)
        self._write(self._last(step), dict(description))

    def why(self, step: str, description: Description) -> list[str]:
        """List what changed since the step was last built."""
        last = self._read(self._last(step))
        if last is None:
            return ["never built here"]
        return cache_key.differences(last, description) or ["its result was removed"]

    def _last(self, step: str) -> Path:
        return self.root / "last" / f"{step.replace('/', '.')}.json"

    def _read(self, path: Path) -> Record | None:
        try:
            record: Record = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return record

    def _write(self, path: Path, value: Record) -> None:
        write_file(path, json.dumps(value, indent=1, sort_keys=True).encode())
