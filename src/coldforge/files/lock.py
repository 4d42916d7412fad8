"""The one advisory lock: held on a file or folder by a process, and gone with the process."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL = 0.1  # seconds between two tries of who waits for a limited time


@contextmanager
def locked(
    path: Path, *, busy: Exception | None = None, shared: bool = False, patience: float = 0.0
) -> Iterator[int]:
    """Hold the lock of `path`; yield its open handle.

    Wait for other holders; with `busy`, raise that once `patience` seconds have passed. A folder
    is locked as it is; anything else is opened for reading and writing, and made if need be.
    `shared` lets in others who share. Source: flock(2).
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
    """Take the lock of an open file until it is closed, as `locked` does."""
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
