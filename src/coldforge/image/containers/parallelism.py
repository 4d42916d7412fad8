"""How many compilers run at a time, from the number of cores and the free memory."""

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
    """Return the cores and the memory (bytes) that Docker has; on this host, the free memory."""
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
