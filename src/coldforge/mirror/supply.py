"""What a stack and its builder stacks lock: fetch it, count it, say what a person must bring."""

import msgspec

from coldforge.errors import MissingInputError
from coldforge.mirror.chain import Link, chain
from coldforge.mirror.fetch import Fetched, fetch
from coldforge.mirror.lacking import Lacking, all_lacking, needed, screen
from coldforge.mirror.origins.origin import origins_of
from coldforge.mirror.status import Missing, Use, missing, status
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.progress import say
from coldforge.stack.lock import Entry, check_lock


def supply(space: Workspace, name: str, jobs: int = 8) -> Fetched:
    """Fetch what the mirror lacks; raise MissingInputError after trying all.

    A hand-carried file that nobody pinned yet is no failure: the lock names no bytes of it.
    """
    links, store = chain(space, name), Store(space.mirror / "blobs")
    for link in links:
        check_lock(link.lock, link.stack)
    blobs, size, present = 0, 0, 0
    failures = []
    for link in links:
        try:
            done = fetch(store, fetchable(link), origins_of(link.stack, space), jobs)
        except MissingInputError as error:
            failures.append(error)
        else:
            blobs, size, present = blobs + done.blobs, size + done.size, present + done.present
    _report(name, unbrought(store, links), failures)
    return Fetched(blobs, size, present)


def fetchable(link: Link) -> list[Entry]:
    """List the entries of a lock that an origin may hand out and a build reads."""
    return [entry for entry in needed(link.stack, link.lock) if entry.origin != "file"]


def counted(store: Store, links: list[Link]) -> list[Use]:
    """Count by use what is there and what is missing; a builder's uses carry its name."""
    found = []
    for link in links:
        lock = msgspec.structs.replace(link.lock, entries=needed(link.stack, link.lock))
        prefix = "" if link is links[-1] else f"{link.stack.name}/"
        found += [msgspec.structs.replace(use, use=prefix + use.use) for use in status(store, lock)]
    return found


def obtainable(space: Workspace, store: Store, links: list[Link]) -> list[Missing]:
    """List each missing file that an origin may hand out, with where it would come from."""
    found = []
    for link in links:
        lock = msgspec.structs.replace(link.lock, entries=fetchable(link))
        found += missing(store, lock, origins_of(link.stack, space))
    return found


def fetches(store: Store, links: list[Link]) -> bool:
    """Tell whether a fetch would have anything to bring."""
    entries = [entry for link in links for entry in fetchable(link)]
    return not all(store.has(entry.sha256, entry.size) for entry in entries)


def unbrought(store: Store, links: list[Link]) -> list[Lacking]:
    """List what only a person can bring to any of the stacks."""
    return [item for link in links for item in all_lacking(link.stack, link.lock, store)]


def _report(name: str, files: list[Lacking], failures: list[MissingInputError]) -> None:
    if files:
        say(screen(name, files))
    if failures:
        raise failures[0]
    pinned = sorted({file.name for file in files if file.sha256})
    if pinned:
        message = f"the mirror lacks what must be brought by hand: {', '.join(pinned)}"
        raise MissingInputError(message, f"run: ./invokew mirror.add --stack {name} FILE")
