"""Fetch what the mirror lacks: in parallel, resumable, verified while it streams."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cache
from threading import Event, Lock
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.lock import take
from coldforge.mirror.http.download import Transfers, download
from coldforge.mirror.http.retry import StoppedError
from coldforge.mirror.missing import FileToBring, screen
from coldforge.mirror.origins.origin import Locators, check_origins, locators, origin_of
from coldforge.mirror.status import fetchable, to_bring
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.progress import Step, amount, say, step
from coldforge.stack.lock import Entry, chain, check_lock

if TYPE_CHECKING:
    import httpx

POLL = 0.2  # seconds between looks at a blob another run is fetching
FULL = {errno.ENOSPC, errno.EDQUOT}


class Fetched(NamedTuple):
    """Blobs and bytes that a fetch brought."""

    blobs: int
    size: int
    present: int


def fetch(
    store: Store, entries: list[Entry], places: Locators, jobs: int = 8, title: str = ""
) -> Fetched:
    """Fetch every missing blob; raise MissingInputError after trying all, or ColdforgeError.

    Safe to kill and to run twice at once: a blob grows in a locked partial file and becomes
    visible by its rename.
    """
    blobs = {entry.sha256: entry for entry in entries}
    missing = [entry for entry in blobs.values() if not store.has(entry.sha256, entry.size)]
    if not missing:
        return Fetched(0, 0, len(blobs))
    missing.sort(key=lambda entry: (-entry.size, entry.sha256))
    size = sum(max(0, entry.size - _grown(store, entry)) for entry in missing)
    _check_room(store, size)
    with step(title or f"Fetching {len(missing)} files", size) as current:
        failures = _all(store, missing, places, jobs, current)
        if failures:
            _report(failures, len(missing))
        current.result = amount(current.done)
    return Fetched(len(missing), size, len(blobs) - len(missing))


def _all(
    store: Store, missing: list[Entry], places: Locators, jobs: int, current: Step
) -> list[tuple[Entry, str]]:
    """Fetch in parallel, the biggest first; list what failed and why."""
    stop, one_at_a_time = Event(), Lock()
    for name in {entry.origin for entry in missing}:
        places[name]()  # Opened here once, not by every worker at the same time.

    def advance(count: int) -> None:
        with one_at_a_time:
            current.advance(count)

    def dropped(count: int) -> None:
        with one_at_a_time:
            current.grow(count)

    with ExitStack() as stack:
        transfers = Transfers(_client(stack), advance, dropped, stop)
        pool = stack.enter_context(ThreadPoolExecutor(jobs))
        try:
            reasons = list(pool.map(lambda entry: _one(store, entry, places, transfers), missing))
        except BaseException as error:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            if isinstance(error, OSError) and error.errno in FULL:
                raise _full(store) from error
            raise
    return [(entry, reason) for entry, reason in zip(missing, reasons, strict=True) if reason]


def _one(store: Store, entry: Entry, places: Locators, transfers: Transfers) -> str:
    """Download one blob from the first candidate that has it; return "" or why none does."""
    if transfers.stop.is_set():
        raise StoppedError
    with _claimed(store, entry, transfers.stop) as part:
        if part is None:
            transfers.advance(entry.size)
            return ""
        reasons = []
        for url in places[entry.origin]().candidates(entry):
            reason = download(url, part, entry, transfers)
            if not reason:
                store.publish(store.partial(entry.sha256), entry.sha256)
                return ""
            reasons.append(reason)
        if part.seek(0, os.SEEK_END) == 0:
            store.partial(entry.sha256).unlink()
        return "; ".join(reasons) or "no origin lists it"


@contextmanager
def _claimed(store: Store, entry: Entry, stop: Event) -> Iterator[BinaryIO | None]:
    """Lock the blob's partial file; None if another run published the blob meanwhile."""
    path = store.partial(entry.sha256)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        with cast(BinaryIO, os.fdopen(handle, "r+b", buffering=0)) as part:
            try:
                take(handle, busy=BlockingIOError())
            except BlockingIOError:
                if stop.wait(POLL):
                    raise StoppedError from None
                continue
            # The other run may have published or removed the file this handle still opens.
            if not path.exists() or not os.path.samestat(os.fstat(handle), path.stat()):
                continue
            if store.has(entry.sha256, entry.size):
                path.unlink()
                yield None
            else:
                yield part
            return


def _client(stack: ExitStack) -> "Callable[[], httpx.Client]":
    """Open one client for all transfers when the first of them needs it."""
    alone = Lock()

    @cache
    def opened() -> "httpx.Client":
        from coldforge.mirror.http.client import client
        from coldforge.mirror.settings.pip import read_pip

        return stack.enter_context(client(read_pip()))

    def http() -> "httpx.Client":
        with alone:
            return opened()

    return http


def _grown(store: Store, entry: Entry) -> int:
    try:
        return store.partial(entry.sha256).stat().st_size
    except FileNotFoundError:
        return 0


def _check_room(store: Store, size: int) -> None:
    free = shutil.disk_usage(store.root).free
    if free < size:
        raise _full(store, f"needs {amount(size)}, has {amount(free)}")


def _full(store: Store, detail: str = "no space left") -> ColdforgeError:
    hint = "free some space and run the same command; it continues where it stopped"
    return ColdforgeError(f"the disk of {store.root} is full: {detail}", hint)


def _report(failures: list[tuple[Entry, str]], wanted: int) -> None:
    for entry, reason in sorted(failures, key=lambda item: (item[0].use, item[0].name)):
        say(f"  missing: {entry.use}: {entry.name} {entry.version} ({entry.path}): {reason}")
    asked = {origin_of(entry).settings for entry, _ in failures}
    hint = (
        f"check the configuration of {' and '.join(sorted(asked))}, then run the same command; "
        "or bring a file: ./invokew mirror.add takes what the lock names"
    )
    raise MissingInputError(f"{len(failures)} of {wanted} files could not be fetched", hint)


def fetch_stack(space: Workspace, name: str, jobs: int = 8) -> Fetched:
    """Fetch what the mirror lacks; raise MissingInputError after trying all.

    A hand-carried file that is not pinned yet is not a failure: the lock does not name its bytes.
    """
    links, store = chain(space, name), Store(space.mirror / "blobs")
    for link in links:
        check_lock(link.lock, link.stack)
        check_origins(link.lock)
    blobs, size, present = 0, 0, 0
    failures = []
    for link in links:
        try:
            done = fetch(store, fetchable(link), locators(link.stack, space), jobs)
        except MissingInputError as error:
            failures.append(error)
        else:
            blobs, size, present = blobs + done.blobs, size + done.size, present + done.present
    _report_missing(name, to_bring(store, links), failures)
    return Fetched(blobs, size, present)


def _report_missing(name: str, files: list[FileToBring], failures: list[MissingInputError]) -> None:
    if files:
        say(screen(name, files))
    if failures:
        raise failures[0]
    pinned = sorted({file.name for file in files if file.sha256})
    if pinned:
        message = f"the mirror lacks what must be brought by hand: {', '.join(pinned)}"
        raise MissingInputError(message, f"run: ./invokew mirror.add --stack {name} FILE")
