"""How many compilers run at a time: as many as cores and free memory bear."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

GIB = 1 << 30
MEMINFO = Path("/proc/meminfo")


def jobs(cores: int, free: int, each: float) -> int:
    """Divide `free` bytes among compilers of `each` GiB; at least one, at most one a core."""
    return max(1, min(cores, int(free / (each * GIB)) if each > 0 else cores))


def capacity(client: "docker.DockerClient") -> tuple[int, int]:
    """Ask the engine for its cores and its memory; bytes. On this host only what is free counts."""
    info = client.info()
    cores, memory = int(info["NCPU"]), int(info["MemTotal"])
    # The SDK spells a socket of this host so.
    if str(client.api.base_url).startswith("http+docker://"):
        memory = min(memory, available(MEMINFO.read_text("utf-8")))
    return cores, memory


def available(meminfo: str) -> int:
    """Read the free memory, caches that can be dropped included; bytes."""
    lines = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    return int(lines["MemAvailable"].split()[0]) * 1024
