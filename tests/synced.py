"""What a command brings to disk, and in which order with the names it gives."""

import os
from pathlib import Path

import pytest


def record_syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record `sync NAME` and `rename NAME` (the new one), in order, from now on."""
    events: list[str] = []
    fsync, rename, replace = os.fsync, Path.rename, Path.replace

    def synced(handle: int) -> None:
        events.append(f"sync {Path(f'/proc/self/fd/{handle}').readlink().name}")
        fsync(handle)

    def renamed(part: Path, path: Path) -> Path:
        events.append(f"rename {Path(path).name}")
        return rename(part, path)

    def replaced(part: Path, path: Path) -> Path:
        events.append(f"rename {Path(path).name}")
        return replace(part, path)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    monkeypatch.setattr(Path, "replace", replaced)
    return events
