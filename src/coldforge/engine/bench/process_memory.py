"""Memory of this process: resident now, its peak since the last reset, and on the GPU.

The GPU's through NVML (NVIDIA's management library), where there is one.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from coldforge.model.process_stats import peak_rss, rss

CLEAR = Path("/proc/self/clear_refs")
ROLLUP = Path("/proc/self/smaps_rollup")
RESET, WHOLE = "since the cell began", "since the process began: its mark cannot be reset here"


def reset_peak() -> bool:
    """Reset the peak of resident memory; tell whether the system did (proc(5))."""
    try:
        CLEAR.write_text("5", "ascii")
    except OSError:
        return False
    return True


def peak() -> int:
    """Return the peak of resident memory since the last reset that worked, bytes."""
    return peak_rss()


def pss() -> int | None:
    """Return the proportional set size, bytes: shared pages are divided by their processes.

    None where the system does not say.
    """
    with suppress(OSError, ValueError, IndexError):
        lines = ROLLUP.read_text("ascii").splitlines()
        sizes = [line.split()[1] for line in lines if line.startswith("Pss:")]
        return int(sizes[0]) * 1024
    return None


def held() -> dict[str, int | None]:
    """Return resident and proportional memory now, bytes."""
    return {"rss_bytes": rss(), "pss_bytes": pss()}


class GpuMemory:
    """The first GPU, and how much of its memory this process took.

    NVML names processes as the host numbers them, which a container cannot match with its own. So
    growth counts: what the card's used memory gained while this process, alone, was at work.
    """

    def __init__(self) -> None:
        """Find it; without one, `skipped` says why."""
        self.skipped = ""
        self.own: int | None = None
        self.most: int | None = None
        self._nvml: Any = None
        try:
            pynvml: Any = import_module("pynvml")
        except ImportError:
            self.skipped = "pynvml is not installed"
            return
        try:
            pynvml.nvmlInit()
            self._handle: Any = pynvml.nvmlDeviceGetHandleByIndex(0)
        except pynvml.NVMLError as error:
            self.skipped = str(error)
            return
        self._nvml, self.own, self.most = pynvml, 0, 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count the growth of the card's used memory within the block as this process's."""
        before = self._used()
        yield
        if self.own is not None:
            self.own += self._used() - before
            self.most = max(self.most or 0, self.own)

    def facts(self) -> dict[str, Any]:
        """Say which card it is, its memory in bytes and its clocks in MHz; {} without one."""
        if self._nvml is None:
            return {}
        nvml, handle = self._nvml, self._handle
        clocks = {"sm_mhz": nvml.NVML_CLOCK_SM, "memory_mhz": nvml.NVML_CLOCK_MEM}
        return {
            "name": _text(nvml.nvmlDeviceGetName(handle)),
            "driver": _text(nvml.nvmlSystemGetDriverVersion()),
            "memory_bytes": nvml.nvmlDeviceGetMemoryInfo(handle).total,
            **{name: nvml.nvmlDeviceGetClockInfo(handle, kind) for name, kind in clocks.items()},
        }

    def _used(self) -> int:
        if self._nvml is None:
            return 0
        used: int = self._nvml.nvmlDeviceGetMemoryInfo(self._handle).used
        return used


def _text(value: Any) -> str:  # noqa: ANN401 - bytes in older releases
    return value.decode() if isinstance(value, bytes) else str(value)
