"""Fetch small files of an archive: over HTTP with retries and proxies, or from disk."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from coldforge.errors import ColdforgeError
from coldforge.mirror.http.retry import TransientError, check_status, connection, retrying
from coldforge.mirror.http.urls import redact

if TYPE_CHECKING:
    import httpx

Advance = Callable[[int], None]
Get = Callable[[str, int, Advance], bytes]
"""get(url, limit in bytes, advance) -> bytes; raises FetchError, which never shows the URL."""


class FetchError(ColdforgeError):
    """Say why one URL gave nothing; the caller knows which one and whether others are left."""


@contextmanager
def open_archive(proxies: Mapping[str, str]) -> Iterator[Get]:
    """Open a client; `proxies` maps a scheme to a proxy or DIRECT, else the environment rules."""
    import httpx

    mounts = {
        f"{scheme}://": httpx.HTTPTransport(proxy=None if proxy == "DIRECT" else proxy)
        for scheme, proxy in proxies.items()
    }
    timeout = httpx.Timeout(30.0, connect=10.0)
    headers = {"Accept-Encoding": "identity"}  # the bytes as they lie there: we hash them
    with httpx.Client(
        mounts=mounts, timeout=timeout, headers=headers, follow_redirects=True
    ) as client:
        yield lambda url, limit, advance: _get(client, url, limit, advance)


def _get(client: "httpx.Client", url: str, limit: int, advance: Advance) -> bytes:
    import httpx

    if url.startswith("file:"):
        return _read(Path(unquote(urlsplit(url).path)), limit, advance)
    try:
        return retrying(lambda: _once(client, url, limit, advance))
    except TransientError as error:
        raise FetchError(str(error)) from error
    except httpx.InvalidURL as error:
        raise FetchError("not a URL") from error
    except httpx.HTTPError as error:
        raise FetchError(redact(str(error)) or type(error).__name__) from error


def _once(client: "httpx.Client", url: str, limit: int, advance: Advance) -> bytes:
    with connection(), client.stream("GET", url) as response:
        check_status(response)
        if not response.is_success:
            raise FetchError(f"HTTP {response.status_code}")
        data = bytearray()
        for chunk in response.iter_raw():
            data += chunk
            advance(len(chunk))
            if len(data) > limit:
                raise FetchError(f"larger than {limit} bytes")
        return bytes(data)


def _read(path: Path, limit: int, advance: Advance) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise FetchError(error.strerror or "cannot be read") from error
    if len(data) > limit:
        raise FetchError(f"larger than {limit} bytes")
    advance(len(data))
    return data
