"""Learn what an index does not say: whether it answers, and a file's size and digest."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from coldforge.errors import ColdforgeError
from coldforge.files.digest import sha256_file
from coldforge.mirror.http.client import client
from coldforge.mirror.http.retry import TransientError, connection, retrying
from coldforge.mirror.http.urls import local, redact
from coldforge.mirror.origins.python.uv import File
from coldforge.mirror.settings.pip import PipConfig
from coldforge.progress import say, step

if TYPE_CHECKING:
    import httpx

JOBS = 8
PATIENCE = 5.0  # seconds an index has to answer anything at all


def answering(indexes: list[str], pip: PipConfig) -> list[str]:
    """Leave out, with a note, the indexes that do not answer; the resolver would stop at them."""
    with client(pip) as http, ThreadPoolExecutor(JOBS) as pool:
        answers = list(pool.map(lambda index: _answers(http, index), indexes))
    for index, answer in zip(indexes, answers, strict=True):
        if not answer:
            say(f"note: left out, for it does not answer: {redact(index)}")
    return [index for index, answer in zip(indexes, answers, strict=True) if answer]


def measure(files: list[File], pip: PipConfig) -> dict[str, File]:
    """Complete size and digest of each file; by URL."""
    unknown = {file.url: file for file in files if file.size < 0 or not file.sha256}
    known = {file.url: file for file in files}
    if not unknown:
        return known
    with (
        step("Measuring Python files", len(unknown), "files") as current,
        client(pip) as http,
        ThreadPoolExecutor(JOBS) as pool,
    ):

        def one(file: File) -> File:
            whole = _complete(http, file)
            current.advance(1)
            return whole

        return known | {file.url: file for file in pool.map(one, unknown.values())}


def _answers(http: "httpx.Client", index: str) -> bool:
    import httpx

    path = local(index)
    if path is not None:
        return path.is_dir()

    def ask() -> None:
        with connection():
            http.head(index, timeout=PATIENCE)

    try:
        retrying(ask, attempts=2)
    except (TransientError, httpx.HTTPError, httpx.InvalidURL):
        return False
    return True


def _complete(http: "httpx.Client", file: File) -> File:
    import httpx

    path = local(file.url)
    if path is not None:
        return File(file.name, file.url, file.sha256 or sha256_file(path), path.stat().st_size)
    try:
        if not file.sha256:
            return _download(http, file)
        return File(file.name, file.url, file.sha256, _length(http, file.url))
    except httpx.HTTPError as error:
        message = f"cannot learn the size of {file.name}: {redact(str(error))}"
        raise ColdforgeError(message, "run the same command again") from error


def _length(http: "httpx.Client", url: str) -> int:
    """Ask for the file's length: HEAD, and GET without its body where HEAD does not say."""
    answer = http.head(url)
    if answer.is_success and "content-length" in answer.headers:
        return int(answer.headers["content-length"])
    with http.stream("GET", url) as body:
        body.raise_for_status()
        if "content-length" in body.headers:
            return int(body.headers["content-length"])
        return sum(len(chunk) for chunk in body.iter_raw())


def _download(http: "httpx.Client", file: File) -> File:
    digest, size = hashlib.sha256(), 0
    with http.stream("GET", file.url) as body:
        body.raise_for_status()
        for chunk in body.iter_raw():
            digest.update(chunk)
            size += len(chunk)
    return File(file.name, file.url, digest.hexdigest(), size)
