"""Bring one blob from one URL into its partial file, hashing while it streams."""

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from coldforge.files.digest import CHUNK
from coldforge.mirror.http.urls import local, redact
from coldforge.stack.lock import Entry

if TYPE_CHECKING:
    import httpx

ATTEMPTS = 4
BACKOFF = 0.5  # seconds before the second attempt, doubled for each one more
PASSING = {408, 425, 429, 500, 502, 503, 504}  # answers worth asking again for


class BrokenError(Exception):
    """Ended early, for a reason that may pass; what arrived is kept."""


class GoneError(Exception):
    """Not to be had at this URL."""


class WrongError(Exception):
    """Other bytes than the locked ones."""


class StoppedError(Exception):
    """The run is being ended."""


class Transfers(NamedTuple):
    """What all transfers of a run share."""

    http: Callable[[], "httpx.Client"]
    advance: Callable[[int], None]
    """Told of bytes written."""
    dropped: Callable[[int], None]
    """Told of bytes thrown away, to be brought again."""
    stop: Event


def bring(url: str, part: BinaryIO, entry: Entry, transfers: Transfers) -> str:
    """Complete the partial file from one URL, trying again while that may help.

    Return "" with every byte verified, else why not; wrong bytes are then gone from the file.
    """
    failures, furthest, suspect = 0, _size(part), _size(part) > 0
    while True:
        try:
            _transfer(url, part, entry, transfers)
        except WrongError as error:
            _empty(part, transfers)
            if not suspect:
                return f"{place(url)}: {error}"
            suspect = False  # The beginning came from elsewhere: give this URL a clean start.
        except GoneError as error:
            return f"{place(url)}: {error}"
        except BrokenError as error:
            failures = 0 if _size(part) > furthest else failures + 1
            furthest = max(furthest, _size(part))
            if failures >= ATTEMPTS:
                return f"{place(url)}: {error}"
            _pause(failures, transfers.stop)
        else:
            return ""


def _pause(failures: int, stop: Event) -> None:
    if stop.wait(BACKOFF * 2**failures * random.uniform(0.5, 1.0)):  # noqa: S311 - spreads retries
        raise StoppedError


def place(url: str) -> str:
    """Name a URL's host for a message; a local file by its path."""
    path = local(url)
    return str(path) if path is not None else redact(url).split("/")[2]


def _transfer(url: str, part: BinaryIO, entry: Entry, transfers: Transfers) -> None:
    path = local(url)
    digest = _copy(path, part, entry, transfers) if path else _download(url, part, entry, transfers)
    if _size(part) < entry.size:
        raise BrokenError("ended early")
    if digest != entry.sha256:
        raise WrongError(f"other bytes (sha256 {digest[:12]}…)")


def _copy(path: Path, part: BinaryIO, entry: Entry, transfers: Transfers) -> str:
    _empty(part, transfers)
    try:
        if path.stat().st_size != entry.size:
            raise GoneError(f"{path.stat().st_size} bytes instead of {entry.size}")
        source = path.open("rb")
    except OSError as error:
        raise GoneError(error.strerror or "unreadable") from error
    with source:
        return _append(_chunks(source), part, entry, transfers)


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := source.read(CHUNK):
            yield chunk
    except OSError as error:
        raise GoneError(error.strerror or "unreadable") from error


def _download(url: str, part: BinaryIO, entry: Entry, transfers: Transfers) -> str:
    import httpx

    if _size(part) > entry.size:
        _empty(part, transfers)
    start = _size(part)
    if start == entry.size:
        return _append(iter(()), part, entry, transfers)
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        with transfers.http().stream("GET", url, headers=headers) as answer:
            _judge(answer, start, entry, part, transfers)
            return _append(answer.iter_raw(), part, entry, transfers)
    except httpx.TransportError as error:
        raise BrokenError(redact(str(error)) or type(error).__name__) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise GoneError(redact(str(error))) from error


def _judge(
    answer: "httpx.Response", start: int, entry: Entry, part: BinaryIO, transfers: Transfers
) -> None:
    """Decide by the headers whether the body belongs at the end of the partial file."""
    code = answer.status_code
    if code in PASSING:
        raise BrokenError(f"HTTP {code}")
    if start and code == 416:
        _empty(part, transfers)
        raise BrokenError("refuses the range")
    if code not in (200, 206):
        raise GoneError(f"HTTP {code}")
    skipped = start if code == 206 else 0
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and skipped + int(length) != entry.size:
        raise GoneError(f"{skipped + int(length)} bytes instead of {entry.size}")
    if code == 206 and not answer.headers.get("content-range", "").startswith(f"bytes {start}-"):
        _empty(part, transfers)
        raise BrokenError("sent another range than asked for")
    if code == 200:
        _empty(part, transfers)  # It ignores ranges: from the beginning, then.


def _append(chunks: Iterator[bytes], part: BinaryIO, entry: Entry, transfers: Transfers) -> str:
    """Hash what is there, then write and hash what comes; hex digest of the whole."""
    digest = hashlib.sha256()
    part.seek(0)
    while held := part.read(CHUNK):
        digest.update(held)
    size = part.tell()
    for chunk in chunks:
        if transfers.stop.is_set():
            raise StoppedError
        size += len(chunk)
        if size > entry.size:
            raise WrongError(f"more than {entry.size} bytes")
        _write(part, chunk)
        digest.update(chunk)
        transfers.advance(len(chunk))
    return digest.hexdigest()


def _write(part: BinaryIO, chunk: bytes) -> None:
    """Write all of a chunk to an unbuffered file, which may take less at a time."""
    view = memoryview(chunk)
    while view:
        view = view[part.write(view) :]


def _size(part: BinaryIO) -> int:
    return part.seek(0, 2)


def _empty(part: BinaryIO, transfers: Transfers) -> None:
    if size := _size(part):
        part.truncate(0)
        transfers.dropped(size)
    part.seek(0)
