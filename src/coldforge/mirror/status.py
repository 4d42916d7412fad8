"""What of a lock is in the mirror, what is missing, and where that would come from."""

import msgspec

from coldforge.mirror.origins.origin import Locators
from coldforge.mirror.store import Store
from coldforge.stack.lock import Entry, Lock


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


def _count(use: str, entries: list[Entry], store: Store) -> Use:
    there = [entry.size for entry in entries if _has(store, entry)]
    total = sum(entry.size for entry in entries)
    return Use(use, len(there), sum(there), len(entries) - len(there), total - sum(there))


def _has(store: Store, entry: Entry) -> bool:
    return store.has(entry.sha256, entry.size)
