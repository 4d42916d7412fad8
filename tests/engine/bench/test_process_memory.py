import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coldforge.engine.bench import process_memory
from coldforge.engine.bench.process_memory import GpuMemory

PROBE = """
from coldforge.engine.bench import process_memory as memory
taken = bytearray(b"x") * 80_000_000
before = memory.peak()
del taken
worked = memory.reset_peak()
held = memory.held()
print(before, worked, memory.peak(), held["rss_bytes"], held["pss_bytes"])
"""


def test_the_mark_starts_anew_and_shared_bytes_count_by_their_share() -> None:
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    before, worked, after, rss, pss = done.stdout.split()
    if worked == "True":
        assert int(after) < int(before) - 70_000_000
    else:
        assert int(after) >= int(before)
    assert 0 < int(pss) <= int(rss) <= int(before)


def test_a_system_that_says_nothing_is_not_asked_twice(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(process_memory, "ROLLUP", tmp_path / "missing")
    monkeypatch.setattr(process_memory, "CLEAR", tmp_path / "missing" / "too")
    assert process_memory.pss() is None
    assert not process_memory.reset_peak()


class Nvml:
    """As much of NVML's Python as is asked."""

    NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2

    class NVMLError(Exception):
        pass

    def __init__(self, broken: str = "") -> None:
        self.used, self.broken = 1000, broken

    def nvmlInit(self) -> None:  # noqa: N802 - theirs
        if self.broken:
            raise self.NVMLError(self.broken)

    def nvmlDeviceGetHandleByIndex(self, at: int) -> int:  # noqa: N802 - theirs
        return at

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802 - theirs
        return SimpleNamespace(used=self.used, total=5000)

    def nvmlDeviceGetName(self, handle: int) -> bytes:  # noqa: N802 - theirs
        return b"NVIDIA A10"

    def nvmlSystemGetDriverVersion(self) -> str:  # noqa: N802 - theirs
        return "550.1"

    def nvmlDeviceGetClockInfo(self, handle: int, kind: int) -> int:  # noqa: N802 - theirs
        return 100 * kind


def test_only_what_is_gained_while_we_work_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    card = GpuMemory()
    with card.watching():
        nvml.used += 300
    nvml.used += 999  # another engine's turn
    with card.watching():
        nvml.used += 50
    with card.watching():
        nvml.used -= 50
    assert (card.own, card.most, card.skipped) == (300, 350, "")
    assert card.facts() == {
        "name": "NVIDIA A10", "driver": "550.1", "memory_bytes": 5000, "sm_mhz": 100,
        "memory_mhz": 200,
    }  # fmt: skip


@pytest.mark.parametrize("nvml", [None, Nvml("Driver Not Loaded")])
def test_without_a_gpu_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch, nvml: Any) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    card = GpuMemory()
    with card.watching():
        pass
    assert (card.own, card.most, card.facts()) == (None, None, {})
    assert card.skipped in {"pynvml is not installed", "Driver Not Loaded"}
