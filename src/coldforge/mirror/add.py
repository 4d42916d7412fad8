"""Take a hand-carried file into the mirror: recognise it, keep its bytes, pin it in the locks."""

import stat
from collections.abc import Iterable
from pathlib import Path

import msgspec

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.digest import sha256_file
from coldforge.mirror.carried.kind import CarriedFile, WantedFile, examine, recognise
from coldforge.mirror.fetch import fetch
from coldforge.mirror.missing import carried_inputs
from coldforge.mirror.origins.origin import Locator, check_origins
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.progress import say, step
from coldforge.stack.lock import Entry, LockedStack, chain, check_lock, write_lock

Pin = tuple[LockedStack, Entry]


class Added(msgspec.Struct, frozen=True):
    """A file that is in the mirror now, and the layers that need it."""

    file: str
    """As it was given."""
    name: str
    version: str
    path: str
    """Its publisher's name for it."""
    size: int
    sha256: str
    pinned: list[str]
    """`stack: layer` of each pin made."""
    notes: list[str] = []


class OneFile(Locator):
    """Finds one file that a person has."""

    def __init__(self, path: Path) -> None:
        """Offer `path`."""
        self.url = path.resolve().as_uri()

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Offer the file, whatever it is asked for: the store compares its digest."""
        return [self.url]


def add_all(
    space: Workspace, stack: str, files: list[Path]
) -> tuple[list[Added], ColdforgeError | None]:
    """Add each file; give what was added, and the refusal if one was refused."""
    done: list[Added] = []
    refused: list[ColdforgeError] = []
    for file in files:
        try:
            done.append(add(space, stack, file))
        except ColdforgeError as error:
            refused.append(error)
    for earlier in refused[:-1]:
        say(f"refused: {earlier.message}; {earlier.hint}")
    return done, refused[-1] if refused else None


def add(space: Workspace, stack: str, file: Path) -> Added:
    """Add `file` for a stack and its builder stacks; raise ColdforgeError if it is not wanted.

    A file that a lock names by its digest is taken as it is, whatever it is.
    """
    _check_file(file)
    links = chain(space, stack)
    for link in links:
        check_lock(link.lock, link.stack)
        check_origins(link.lock)
    notes: tuple[str, ...] = ()
    entry = _known(file, links)
    if entry is None:
        entry, notes = _recognised(file, links)
    pins = _pins(entry, links) if entry.origin == "file" else []
    _keep(Store(space.mirror / "blobs"), entry, file)
    for link in links:
        new = [pin for where, pin in pins if where is link]
        if new:
            entries = [*link.lock.entries, *new]
            lock = msgspec.structs.replace(link.lock, entries=entries)
            write_lock(space.lock(link.stack.name), lock)
    return Added(
        file=str(file),
        name=entry.name,
        version=entry.version,
        path=entry.path,
        size=entry.size,
        sha256=entry.sha256,
        pinned=[f"{link.stack.name}: {pin.use}" for link, pin in pins],
        notes=list(notes),
    )


def _check_file(file: Path) -> None:
    hint = "give the file as its publisher hands it out, not unpacked"
    try:
        found = file.stat()
    except FileNotFoundError:
        raise ColdforgeError(f"there is no file {file}", "give its path") from None
    if stat.S_ISDIR(found.st_mode):
        raise ColdforgeError(f"{file} is a directory", hint)
    if not stat.S_ISREG(found.st_mode):
        raise ColdforgeError(f"{file} is not a regular file", hint)
    if found.st_size == 0:
        raise ColdforgeError(f"{file.name} is empty", "copy it again")


def _known(file: Path, links: list[LockedStack]) -> Entry | None:
    """Find the entry that pins exactly these bytes; a file of another size is not even read."""
    size = file.stat().st_size
    entries = [entry for link in links for entry in link.lock.entries if entry.size == size]
    if not entries:
        return None
    with step(f"Reading {file.name}", size) as current:
        digest = sha256_file(file, current.advance)
    return next((entry for entry in entries if entry.sha256 == digest), None)


def _recognised(file: Path, links: list[LockedStack]) -> tuple[Entry, tuple[str, ...]]:
    """Tell what a file is by its content, as an entry of no layer yet."""
    wants = [
        WantedFile(link.stack.name, name, about, link.stack.file.platform, link.stack.file.python)
        for link in reversed(links)
        for _, name, about in carried_inputs(link.stack)
    ]
    with step(f"Looking into {file.name}", file.stat().st_size) as current:
        seen: CarriedFile = examine(file, current.advance)
        found = recognise(seen, wants)
        current.result = f"{found.name} {found.version}"
    entry = Entry("", "file", found.name, found.version, found.file, seen.size, seen.sha256)
    return entry, found.notes


def _pins(entry: Entry, links: list[LockedStack]) -> list[Pin]:
    """List the pins that are missing; refuse if a layer has another file pinned."""
    pins = []
    for link in links:
        for use, name, about in carried_inputs(link.stack):
            if name != entry.name or entry.version not in about.versions:
                continue
            held = [e for e in link.lock.of(use) if e.origin == "file" and e.name == name]
            if not held:
                pins.append((link, msgspec.structs.replace(entry, use=use)))
            elif held[0].sha256 != entry.sha256:
                raise _pinned_otherwise(held[0], entry, links)
    return pins


def _pinned_otherwise(held: Entry, entry: Entry, links: list[LockedStack]) -> ColdforgeError:
    message = (
        f"{entry.name} is pinned to other bytes: {held.version}, sha256 {held.sha256[:12]}…; "
        f"this file is {entry.version}, sha256 {entry.sha256[:12]}…"
    )
    stacks = [
        link.stack.name
        for link in links
        if any(e.origin == "file" and e.name == entry.name for e in link.lock.entries)
    ]
    commands = [f"./invokew stack.lock --stack {name} --update {entry.name}" for name in stacks]
    return ColdforgeError(message, f"to move the pin: {' && '.join(commands)}; then add it again")


def _keep(store: Store, entry: Entry, file: Path) -> None:
    """Copy the file's bytes into the store, hashed on the way once more."""
    try:
        fetch(store, [entry], {entry.origin: lambda: OneFile(file)}, title=f"Copying {file.name}")
    except MissingInputError as error:
        message = f"{file.name} changed while it was read"
        raise ColdforgeError(message, "run the same command again") from error
