"""Files and folders that are there whole, or not at all, after a power cut too."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from coldforge.files.lock import take


def part_of(path: Path) -> Path:
    """Name the place where a file grows, over several runs, before it gets its name."""
    return path.with_name(path.name + ".part")


def write_file(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a small file; an earlier one of that name is replaced at once.

    Several may write the same file at once: each waits for the one before. `mode` is for a file
    that not everybody may read; else the umask decides.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part, done = part_of(path), False
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    while not done:
        handle = os.open(part, flags, 0o666 if mode is None else mode)
        with os.fdopen(handle, "wb") as stream:
            take(handle)
            if _names(part, handle):
                if mode is not None:
                    os.fchmod(handle, mode)
                os.ftruncate(handle, 0)
                stream.write(data)
                stream.flush()
                publish(part, path)
                done = True


def _names(path: Path, handle: int) -> bool:
    """Tell whether `path` is still the open file: another run may have renamed it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def publish(part: Path, path: Path) -> None:
    """Give a complete file its name, once its bytes are on disk."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(path)
    sync_folder(path.parent)


def publish_folder(part: Path, path: Path) -> None:
    """Give a complete folder its name, once all below it is on disk; `path` is not there yet."""
    for parent, _, names in os.walk(part):
        for name in names:
            place = Path(parent, name)
            if not place.is_symlink() and place.is_file():
                with place.open("rb") as stream:
                    os.fsync(stream.fileno())
        sync_folder(Path(parent))
    part.rename(path)
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
