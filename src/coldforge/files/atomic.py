"""Write files and folders atomically, even across a power failure."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from coldforge.files.lock import take


def part_of(path: Path) -> Path:
    """Return the temporary name of a file that is written over several runs."""
    return path.with_name(path.name + ".part")


def write_file(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a small file, replacing an earlier one atomically.

    Concurrent writers of one file wait for each other. `mode` is for private files; by default the
    umask decides.
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
    """Tell whether `path` is still the open file: another process may have renamed it."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def publish(part: Path, path: Path) -> None:
    """Rename a complete file to `path` once it is on disk."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.replace(path)
    sync_folder(path.parent)


def publish_folder(part: Path, path: Path) -> None:
    """Rename a complete folder to `path`, which must not exist, once all of it is on disk."""
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
    """Sync a folder's entries to disk; file systems that cannot, such as FAT, are ignored."""
    place = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(place)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS):
            raise
    finally:
        os.close(place)


def write_at(stream: int, data: bytes | memoryview, place: int) -> None:
    """Write all of `data` at an offset of an open file, unless it is there already.

    A run that continues a killed one finds most bytes there; reading is faster than writing.
    """
    with suppress(OSError):
        if os.pread(stream, len(data), place) == data:
            return
    view = memoryview(data)
    while view:
        done = os.pwrite(stream, view, place)
        view, place = view[done:], place + done
