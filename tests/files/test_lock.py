import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.files.lock import locked

BUSY = ColdforgeError("another run", "wait")
HOLD = """
import sys, time
from pathlib import Path
from coldforge.files.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_second_holder_is_refused_with_the_error_it_gave(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "deep" / "lock"
    with locked(path), pytest.raises(ColdforgeError, match="another run"), locked(path, busy=BUSY):
        pass
    with locked(path, busy=BUSY):
        pass


def test_who_shares_lets_in_who_shares_and_nobody_else(tmp_path: Path) -> None:
    with locked(tmp_path, shared=True):
        with locked(tmp_path, shared=True, busy=BUSY):
            pass
        with pytest.raises(ColdforgeError), locked(tmp_path, busy=BUSY):
            pass


def test_without_an_error_it_waits(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with locked(tmp_path / "lock"):
            order.append("second")

    with locked(tmp_path / "lock"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_patience_waits_that_long_and_no_longer(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        started = time.monotonic()
        with pytest.raises(ColdforgeError), locked(tmp_path / "lock", busy=BUSY, patience=0.3):
            pass
        assert 0.3 <= time.monotonic() - started < 5


def test_a_lock_goes_with_a_killed_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ}) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ColdforgeError), locked(tmp_path / "lock", busy=BUSY):
            pass
        holder.kill()
        holder.wait()
    with locked(tmp_path / "lock", busy=BUSY):
        pass
