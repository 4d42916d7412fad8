"""Turn what a stack asks for into a lock, and tell how it differs from the earlier one."""

from typing import Literal

import msgspec

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.paths import Workspace
from coldforge.stack.lock import FORMAT, Entry, Lock, Release, read_lock
from coldforge.stack.stack import Stack

ALL = "*"
PACKAGED = {"debian", "python"}  # what another stack's release does not decide


class Change(msgspec.Struct, frozen=True):
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
    debian, releases = _debian(space, stack, held, update)
    entries = [
        *debian,
        *_python(space, stack, held, update),
        *_source(space, stack, held),
        *_images(stack, held),
        *_carried(stack, held, update),
    ]
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
        held += [entry for entry in entries if entry.origin in PACKAGED]
        pinned |= shared
    return held


def changes(before: Lock | None, after: Lock) -> list[Change]:
    """List what was added, removed or moved, by use and name."""
    old, new = _by_key(before.entries if before else []), _by_key(after.entries)
    found: list[Change] = []
    for key in sorted(old.keys() | new.keys()):
        use, _, name = key
        was, now = old.get(key), new.get(key)
        if was and now and (was.version, was.sha256) != (now.version, now.sha256):
            found.append(Change(use, "moved", name, was.version, now.version))
        elif now and not was:
            found.append(Change(use, "added", name, "", now.version))
        elif was and not now:
            found.append(Change(use, "removed", name, was.version, ""))
    return found


def _by_key(entries: list[Entry]) -> dict[tuple[str, str, str], Entry]:
    return {(entry.use, entry.origin, entry.name): entry for entry in entries}


def _debian(
    space: Workspace, stack: Stack, held: list[Entry], update: set[str]
) -> tuple[list[Entry], list[Release]]:
    asked = {name: recipe.inputs.debian for name, recipe in stack.layers.items()}
    if not any(asked.values()):
        return [], []
    if stack.file.debian is None:
        raise _no_section(stack, "debian", "Debian packages")
    from coldforge.mirror.origins.debian.debian import resolve_debian

    own = [entry for entry in held if entry.origin == "debian"]
    return resolve_debian(stack.file.debian, asked, own, update, space.build / "cache")


def _python(space: Workspace, stack: Stack, held: list[Entry], update: set[str]) -> list[Entry]:
    asked: dict[str, list[str]] = {}
    for name, recipe in stack.layers.items():
        sdists = [stack.wheels[wheel].sdist for wheel in recipe.inputs.wheels]
        asked[name] = [*recipe.inputs.python, *filter(None, sdists)]
    if not any(asked.values()) and not any(wheel.requires for wheel in stack.wheels.values()):
        return []
    if stack.file.python is None:
        raise _no_section(stack, "python", "Python packages")
    from coldforge.mirror.origins.python.resolve import resolve_python

    own = [entry for entry in held if entry.origin == "python"]
    cache = space.build / "cache"
    return resolve_python(stack.file.python, asked, stack.wheels, own, update, cache)


def _source(space: Workspace, stack: Stack, held: list[Entry]) -> list[Entry]:
    """Pin the release's source tree and the large files its tree only points to."""
    uses = [f"wheel/{name}" for name, wheel in stack.wheels.items() if wheel.release]
    if not uses:
        return []
    if stack.profile is None:
        message = f"'{stack.name}' builds a release's wheel, but names no release"
        raise ColdforgeError(message, f"add release = ... to docker/stacks/{stack.name}.toml")
    from coldforge.mirror.origins.git.git import resolve_source

    return [entry for use in uses for entry in resolve_source(space, stack.profile, use, held)]


def _images(stack: Stack, held: list[Entry]) -> list[Entry]:
    """Pin every blob of the base images that layers take."""
    asked = {use: recipe.inputs.image for use, recipe in stack.layers.items()}
    if not any(asked.values()):
        return []
    from coldforge.mirror.origins.oci.registry import resolve_image

    return [
        entry
        for use, image in asked.items()
        if image
        for entry in resolve_image(image, use, stack.file.platform, held)
    ]


def _carried(stack: Stack, held: list[Entry], update: set[str]) -> list[Entry]:
    """Keep the pins of hand-carried files that are still asked for: only mirror.add makes them.

    One that `update` names is dropped, for mirror.add to make anew; ALL drops none.
    """
    asked = {(use, name) for use, recipe in stack.layers.items() for name in recipe.inputs.carried}
    asked = {(use, name) for use, name in asked if name not in update}
    return [e for e in held if e.origin == "file" and (e.use, e.name) in asked]


def _no_section(stack: Stack, section: str, things: str) -> ColdforgeError:
    message = f"a layer of '{stack.name}' asks for {things}, but the stack says not for what"
    return ColdforgeError(message, f"add [{section}] to docker/stacks/{stack.name}.toml")
