"""The machine that a bench ran on."""

import platform
from contextlib import suppress
from pathlib import Path
from typing import Any

from coldforge.engine.running.cores import cores

CPUINFO = Path("/proc/cpuinfo")


def machine(card: dict[str, Any], skipped: str) -> dict[str, Any]:
    """Describe it: processor, cores, and the GPU or why none was looked at."""
    return {
        "kind": "cpu",
        "name": processor(),
        "cores": cores(),
        "gpu": card or None,
        "skipped": {"nvml": skipped} if skipped else {},
    }


def processor() -> str:
    """Name the processor as its maker does; by its architecture where the system does not say."""
    with suppress(OSError):
        for line in CPUINFO.read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.machine()
