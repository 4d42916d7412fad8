"""Advisory locks on files and folders; a lock ends with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL = 0.1  # seconds between attempts while waiting for a limited time


@contextmanager
def locked(
    path: Path, *, busy: Exception | None = None, shared: bool = False, patience: float = 0.0
) -> Iterator[int]:
    """Hold the lock of `path`; yield its open handle.

    Wait for other holders; with `busy`, raise it after `patience` seconds. A folder must exist; a
    file is opened for reading and writing, and created if missing. Holders with `shared` do not
    exclude each other. Source: flock(2).
    """
    if path.is_dir():
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        take(handle, busy=busy, shared=shared, patience=patience)
        yield handle
    finally:
        os.close(handle)


def take(
    handle: int, *, busy: Exception | None = None, shared: bool = False, patience: float = 0.0
) -> None:
    """Take the lock of an open file until it is closed; parameters as in `locked`."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    if busy is None:
        fcntl.flock(handle, kind)
        return
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise busy from None
            time.sleep(POLL)
        else:
            return
