"""Resolve a stack's inputs into a lock, and list how it differs from the earlier one."""

from typing import Literal

import msgspec

from coldforge.errors import UnknownNameError
from coldforge.mirror.origins.origin import Request, origin_of, origins
from coldforge.paths import Workspace
from coldforge.stack.lock import FORMAT, Entry, Lock, read_lock
from coldforge.stack.stack import Stack

ALL = "*"


class LockChange(msgspec.Struct, frozen=True):
    """One package of one use that differs between two locks; a version is empty where absent."""

    use: str
    kind: Literal["added", "removed", "moved"]
    name: str
    before: str
    after: str


def resolve(space: Workspace, stack: Stack, update: set[str]) -> Lock:
    """Pin every input of a stack, keeping earlier pins save for `update` ("*" for all).

    Raise ColdforgeError, or UnknownNameError for a name in `update` nothing asks for.
    """
    path = space.lock(stack.name)
    previous = read_lock(path) if path.exists() else None
    held = _held(space, stack, previous)
    request = Request(space, stack, held, update)
    parts = [origin.resolve(request) for origin in dict.fromkeys(origins().values())]
    entries = [entry for part in parts for entry in part.entries]
    releases = [release for part in parts for release in part.releases]
    known = {entry.name for entry in [*held, *entries]}
    for name in sorted(update - {ALL}):
        if name not in known and name.lower().replace("_", "-") not in known:
            raise UnknownNameError("locked package", name, sorted(known))
    return Lock(FORMAT, stack.name, stack.requests(), releases, entries)


def _held(space: Workspace, stack: Stack, previous: Lock | None) -> list[Entry]:
    """List earlier pins: the stack's own; for a use it never pinned, another stack's of that use.

    So a layer that stacks share is made of the same bytes in each, and built once.
    """
    held = list(previous.entries) if previous else []
    pinned = set(previous.requests) if previous else set()
    for path in sorted(space.mirror.glob("*.lock")):
        lock = read_lock(path)
        shared = {use for use in stack.requests() if use in lock.requests and use not in pinned}
        entries = [entry for use in sorted(shared) for entry in lock.of(use)]
        held += [entry for entry in entries if origin_of(entry).shared]
        pinned |= shared
    return held


def changes(before: Lock | None, after: Lock) -> list[LockChange]:
    """List what was added, removed or moved, by use and name."""
    old, new = _by_key(before.entries if before else []), _by_key(after.entries)
    found: list[LockChange] = []
    for key in sorted(old.keys() | new.keys()):
        use, _, name = key
        was, now = old.get(key), new.get(key)
        if was and now and (was.version, was.sha256) != (now.version, now.sha256):
            found.append(LockChange(use, "moved", name, was.version, now.version))
        elif now and not was:
            found.append(LockChange(use, "added", name, "", now.version))
        elif was and not now:
            found.append(LockChange(use, "removed", name, was.version, ""))
    return found


def _by_key(entries: list[Entry]) -> dict[tuple[str, str, str], Entry]:
    return {(entry.use, entry.origin, entry.name): entry for entry in entries}
