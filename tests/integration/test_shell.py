import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from coldforge.image.containers.launch import shell
from coldforge.image.containers.step import shares_files

pytestmark = pytest.mark.engine
TYPED = b"touch %s/made; cat /nowhere; exit 5\n"


class Terminal:
    """A pseudo-terminal that types one line at the first prompt."""

    def __init__(self, typed: bytes) -> None:
        self.typed, self.shown = typed, b""
        self.master, self.slave = os.openpty()
        self.thread = threading.Thread(target=self._type, daemon=True)

    def _type(self) -> None:
        while data := os.read(self.master, 4096):
            self.shown += data
            if self.typed and self.shown.rstrip().endswith((b"$", b"#")):
                os.write(self.master, self.typed)
                self.typed = b""
            if data.endswith(b"\0"):
                return


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, typed: bytes) -> Iterator[Terminal]:
    made = Terminal(typed)
    with (
        os.fdopen(made.slave, "r", encoding="utf-8") as keys,
        os.fdopen(os.dup(made.slave), "w", encoding="utf-8") as screen,
        monkeypatch.context() as patch,
    ):
        patch.setattr("sys.stdin", keys)
        patch.setattr("sys.stdout", screen)
        made.thread.start()
        try:
            yield made
        finally:
            os.write(screen.fileno(), b"\0")
            made.thread.join(20)
    os.close(made.master)


def test_a_shell_runs_on_the_terminal_and_returns_its_status(
    engine: Any, base: Any, debian: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shares_files(engine, debian, tmp_path):
        pytest.skip("this engine does not see this host's files")
    with terminal(monkeypatch, TYPED % str(tmp_path).encode()) as used:
        status = shell(engine, base.stack.name, tmp_path)
    assert status == 5
    assert (tmp_path / "made").exists()
    assert b"/nowhere: No such file" in used.shown
