"""Re-hash the mirror, name what is damaged and move it aside."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock as Mutex

import msgspec

from coldforge.files.digest import sha256_file
from coldforge.mirror.store import Store
from coldforge.progress import amount, step
from coldforge.stack.lock import Lock


class Damaged(msgspec.Struct, frozen=True):
    """A blob whose bytes were wrong, where it is now, and what needs it."""

    sha256: str
    aside: str
    needed_by: list[str]
    """`cpu.lock: torch 2.13.0 (python)`; empty when no lock names it."""


class Verified(msgspec.Struct, frozen=True):
    """What a verification read and found."""

    blobs: int
    size: int
    damaged: list[Damaged]


def verify(store: Store, locks: Iterable[Lock], only: set[str] | None = None) -> Verified:
    """Hash every visible blob (or those in `only`), in parallel; move the wrong ones aside."""
    paths = [path for path in store.blobs() if only is None or path.name in only]
    sizes = {path: path.stat().st_size for path in paths}
    paths.sort(key=lambda path: -sizes[path])
    total = sum(sizes.values())
    with step(f"Verifying {len(paths)} blobs", total) as current:
        mutex = Mutex()

        def advance(count: int) -> None:
            with mutex:
                current.advance(count)

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            digests = list(pool.map(lambda path: sha256_file(path, advance), paths))
        wrong = [path for path, digest in zip(paths, digests, strict=True) if digest != path.name]
        current.result = f"{amount(total)}, {len(wrong)} damaged"
    uses = _uses(locks)
    return Verified(len(paths), total, [_aside(store, path, uses) for path in sorted(wrong)])


def _aside(store: Store, path: Path, uses: dict[str, list[str]]) -> Damaged:
    return Damaged(path.name, str(store.quarantine(path.name)), uses.get(path.name, []))


def _uses(locks: Iterable[Lock]) -> dict[str, list[str]]:
    uses: dict[str, list[str]] = {}
    for lock in locks:
        for entry in lock.entries:
            line = f"{lock.stack}.lock: {entry.name} {entry.version} ({entry.use})"
            uses.setdefault(entry.sha256, []).append(line)
    return uses
