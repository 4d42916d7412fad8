"""Files that are there whole, or not at all, after a power cut too."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path


def part_of(path: Path) -> Path:
    """Name the place where a file grows before it gets its name."""
    return path.with_name(path.name + ".part")


def write_file(path: Path, data: bytes) -> None:
    """Write a small file; an earlier one of that name is replaced at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(path)
    with part.open("wb") as stream:
        stream.write(data)
    publish(part, path)


def publish(part: Path, path: Path) -> None:
    """Give a complete file its name, once its bytes are on disk."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to disk; some file systems of disks for carrying cannot."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
    finally:
        os.close(place)


def write_at(stream: int, data: bytes | memoryview, place: int) -> None:
    """Write all of `data` at an offset of an open file; what is there already is not rewritten.

    A run that goes on after a kill finds most bytes there; reading them is faster than writing.
    """
    with suppress(OSError):
        if os.pread(stream, len(data), place) == data:
            return
    view = memoryview(data)
    while view:
        done = os.pwrite(stream, view, place)
        view, place = view[done:], place + done
