from types import SimpleNamespace
from typing import Any

import pytest

from coldforge.image.containers import parallelism as module
from coldforge.image.containers.parallelism import GIB, available, capacity, jobs

MEMINFO = "MemTotal:       24000000 kB\nMemFree:  100 kB\nMemAvailable:   8388608 kB\n"


@pytest.mark.parametrize(
    ("cores", "free", "each", "expected"),
    [
        (16, 64 * GIB, 4.0, 16),
        (16, 10 * GIB, 4.0, 2),
        (16, 3 * GIB, 4.0, 1),
        (16, 3 * GIB, 0.5, 6),
        (2, 3 * GIB, 0.0, 2),
    ],
)
def test_memory_and_cores_both_limit_the_jobs(
    cores: int, free: int, each: float, expected: int
) -> None:
    assert jobs(cores, free, each) == expected


def test_caches_that_can_be_dropped_are_free() -> None:
    assert available(MEMINFO) == 8 * GIB


@pytest.mark.parametrize(
    ("base", "memory"), [("http+docker://localhost", 8 * GIB), ("http://192.0.2.1:2375", 32 * GIB)]
)
def test_what_is_free_here_counts_for_an_engine_here_alone(
    base: str, memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = SimpleNamespace(
        info=lambda: {"NCPU": 4, "MemTotal": 32 * GIB}, api=SimpleNamespace(base_url=base)
    )
    monkeypatch.setattr(module, "MEMINFO", SimpleNamespace(read_text=lambda _: MEMINFO))
    assert capacity(client) == (4, memory)
