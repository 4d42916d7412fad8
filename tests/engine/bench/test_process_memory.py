import subprocess
import sys
from pathlib import Path

import pytest

from coldforge.engine.bench import process_memory

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
