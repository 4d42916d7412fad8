"""Load an engine with the backend that its card names."""

from coldforge.engine.backend import Runner, find_backend
from coldforge.engine.card import Engine
from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_file

SMALL = 1 << 26
"""Bytes of a file that is hashed each time; of a larger one only the size is checked."""


def load_runner(engine: Engine, threads: int = 0) -> Runner:
    """Load it; `threads` 0 takes every core.

    Raise ColdforgeError for a damaged engine, for a runtime that is missing, or a GPU.
    """
    refuse_damaged(engine)
    return open_runner(engine, threads)


def open_runner(engine: Engine, threads: int = 0) -> Runner:
    """Load an engine whose files were checked; raise ColdforgeError as `load_runner` does."""
    load_libraries(engine)
    return find_backend(engine.backend).open(engine, threads)


def load_libraries(engine: Engine) -> None:
    """Import what runs an engine; raise ColdforgeError if it is not installed."""
    find_backend(engine.backend).load_libraries(engine)


def refuse_damaged(engine: Engine) -> None:
    """Raise ColdforgeError if a file is not as it was built.

    Of large files only the size is checked: hashing weights takes longer than loading them.
    """
    again = "copy the engine again, or build it"
    size = 0
    for name, digest in engine.card["files"].items():
        path = engine.folder / name
        size += path.stat().st_size
        if path.stat().st_size <= SMALL and sha256_file(path) != digest:
            raise ColdforgeError(f"{path} is not as it was built", again)
    if size != engine.card["disk_bytes"]:
        expected = engine.card["disk_bytes"]
        raise ColdforgeError(f"{engine.folder} holds {size:,} bytes instead of {expected:,}", again)
