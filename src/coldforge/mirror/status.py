"""Which files of a stack are in the mirror, which are missing or damaged, and their sources."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock as Mutex

import msgspec

from coldforge.files.digest import sha256_file
from coldforge.mirror.missing import FileToBring, all_files_to_bring, entries_read
from coldforge.mirror.origins.origin import Locators, locators
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.progress import amount, step
from coldforge.stack.lock import Entry, Lock, LockedStack


class Use(msgspec.Struct, frozen=True):
    """A use's files and bytes, present and missing."""

    use: str
    present: int
    present_bytes: int
    missing: int
    missing_bytes: int


class Missing(msgspec.Struct, frozen=True):
    """A file that is not there, and the first place that offers it; "" for none."""

    use: str
    name: str
    version: str
    file: str
    size: int
    source: str


def status(store: Store, lock: Lock) -> list[Use]:
    """Count by use, in lock order. A file that several uses share counts for each."""
    uses = dict.fromkeys(entry.use for entry in lock.entries)
    return [_count(use, lock.of(use), store) for use in uses]


def missing(store: Store, lock: Lock, places: Locators) -> list[Missing]:
    """List each missing file once, with where it would come from; credentials are hidden."""
    absent = {entry.sha256: entry for entry in reversed(lock.entries) if not _has(store, entry)}
    return [
        Missing(
            entry.use,
            entry.name,
            entry.version,
            entry.path,
            entry.size,
            places[entry.origin]().place(entry),
        )
        for entry in reversed(absent.values())
    ]


def fetchable(link: LockedStack) -> list[Entry]:
    """List the entries of a lock that an origin offers and a build reads."""
    return [entry for entry in entries_read(link.stack, link.lock) if entry.origin != "file"]


def count_uses(store: Store, links: list[LockedStack]) -> list[Use]:
    """Count present and missing files by use; uses of a builder stack have its name as prefix."""
    found = []
    for link in links:
        lock = msgspec.structs.replace(link.lock, entries=entries_read(link.stack, link.lock))
        prefix = "" if link is links[-1] else f"{link.stack.name}/"
        found += [msgspec.structs.replace(use, use=prefix + use.use) for use in status(store, lock)]
    return found


def missing_entries(space: Workspace, store: Store, links: list[LockedStack]) -> list[Missing]:
    """List each missing file that an origin offers, and the place it would come from."""
    found = []
    for link in links:
        lock = msgspec.structs.replace(link.lock, entries=fetchable(link))
        found += missing(store, lock, locators(link.stack, space))
    return found


def needs_fetch(store: Store, links: list[LockedStack]) -> bool:
    """Tell whether files are missing that an origin offers."""
    entries = [entry for link in links for entry in fetchable(link)]
    return not all(store.has(entry.sha256, entry.size) for entry in entries)


def to_bring(store: Store, links: list[LockedStack]) -> list[FileToBring]:
    """List the files that a person must bring for any of the stacks."""
    return [item for link in links for item in all_files_to_bring(link.stack, link.lock, store)]


def _count(use: str, entries: list[Entry], store: Store) -> Use:
    there = [entry.size for entry in entries if _has(store, entry)]
    total = sum(entry.size for entry in entries)
    return Use(use, len(there), sum(there), len(entries) - len(there), total - sum(there))


def _has(store: Store, entry: Entry) -> bool:
    return store.has(entry.sha256, entry.size)


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
