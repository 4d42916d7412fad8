"""Download one blob from one URL into its partial file, hashing while it streams."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from coldforge.files.digest import CHUNK
from coldforge.mirror.http.retry import (
    StoppedError,
    TransientError,
    check_status,
    connection,
    retrying,
    unless,
)
from coldforge.mirror.http.urls import local, redact
from coldforge.stack.lock import Entry

if TYPE_CHECKING:
    import httpx


class UnavailableError(Exception):
    """The file is not at this URL."""


class WrongBytesError(Exception):
    """Other bytes than the locked ones."""


class Transfers(NamedTuple):
    """What all transfers of a run share."""

    http: Callable[[], "httpx.Client"]
    advance: Callable[[int], None]
    """Called with the number of bytes written."""
    dropped: Callable[[int], None]
    """Called with the number of bytes thrown away, which will be fetched again."""
    stop: Event


def download(url: str, part: BinaryIO, entry: Entry, transfers: Transfers) -> str:
    """Complete the partial file from one URL, trying again while that may help.

    Return "" with every byte verified, else why not; wrong bytes are then gone from the file.
    """
    suspect = _size(part) > 0
    while True:
        try:
            retrying(
                lambda: _transfer(url, part, entry, transfers),
                lambda: _size(part),
                unless(transfers.stop),
            )
        except WrongBytesError as error:
            _empty(part, transfers)
            if not suspect:
                return f"{place(url)}: {error}"
            suspect = False  # The beginning came from elsewhere: give this URL a clean start.
        except (UnavailableError, TransientError) as error:
            return f"{place(url)}: {error}"
        else:
            return ""


def place(url: str) -> str:
    """Name a URL's host for a message; a local file by its path."""
    path = local(url)
    return str(path) if path is not None else redact(url).split("/")[2]


def _transfer(url: str, part: BinaryIO, entry: Entry, transfers: Transfers) -> None:
    path = local(url)
    digest = _copy(path, part, entry, transfers) if path else _download(url, part, entry, transfers)
    if _size(part) < entry.size:
        raise TransientError("ended early")
    if digest != entry.sha256:
        raise WrongBytesError(f"other bytes (sha256 {digest[:12]}…)")


def _copy(path: Path, part: BinaryIO, entry: Entry, transfers: Transfers) -> str:
    _empty(part, transfers)
    try:
        if path.stat().st_size != entry.size:
            raise UnavailableError(f"{path.stat().st_size} bytes instead of {entry.size}")
        source = path.open("rb")
    except OSError as error:
        raise UnavailableError(error.strerror or "unreadable") from error
    with source:
        return _append(_chunks(source), part, entry, transfers)


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := source.read(CHUNK):
            yield chunk
    except OSError as error:
        raise UnavailableError(error.strerror or "unreadable") from error


def _download(url: str, part: BinaryIO, entry: Entry, transfers: Transfers) -> str:
    import httpx

    if _size(part) > entry.size:
        _empty(part, transfers)
    start = _size(part)
    if start == entry.size:
        return _append(iter(()), part, entry, transfers)
    headers = {"Range": f"bytes={start}-"} if start else {}
    try:
        with connection(), transfers.http().stream("GET", url, headers=headers) as answer:
            _check_answer(answer, start, entry, part, transfers)
            return _append(answer.iter_raw(), part, entry, transfers)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnavailableError(redact(str(error))) from error


def _check_answer(
    answer: "httpx.Response", start: int, entry: Entry, part: BinaryIO, transfers: Transfers
) -> None:
    """Decide by the headers whether the body belongs at the end of the partial file."""
    code = answer.status_code
    check_status(answer)
    if start and code == 416:
        _empty(part, transfers)
        raise TransientError("refuses the range")
    if code not in (200, 206):
        raise UnavailableError(f"HTTP {code}")
    skipped = start if code == 206 else 0
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and skipped + int(length) != entry.size:
        raise UnavailableError(f"{skipped + int(length)} bytes instead of {entry.size}")
    if code == 206 and not answer.headers.get("content-range", "").startswith(f"bytes {start}-"):
        _empty(part, transfers)
        raise TransientError("sent another range than asked for")
    if code == 200:
        _empty(part, transfers)  # It ignores ranges: from the beginning, then.


def _append(chunks: Iterator[bytes], part: BinaryIO, entry: Entry, transfers: Transfers) -> str:
    """Hash what is there, then write and hash the chunks; return the hex digest of all."""
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
            raise WrongBytesError(f"more than {entry.size} bytes")
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
