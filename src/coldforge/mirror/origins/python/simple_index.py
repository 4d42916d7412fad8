"""The files that indexes and find-links offer, by name and digest; each page is read once a run.

And what the file name of a wheel or sdist says: project, version and package URL.
Sources: the binary and source distribution formats of the PyPA specifications.
"""

import logging
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urldefrag, urljoin, urlsplit

import msgspec
from packaging.utils import canonicalize_name

from coldforge.mirror.http.client import client
from coldforge.mirror.http.urls import local, redact
from coldforge.mirror.origins.origin import Locator, package_url
from coldforge.mirror.settings.pip import PipConfig
from coldforge.stack.lock import Entry

if TYPE_CHECKING:
    import httpx

JSON = "application/vnd.pypi.simple.v1+json"
ACCEPT = f"{JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
ARCHIVES = (".whl", ".tar.gz", ".zip", ".tar.bz2")

log = logging.getLogger(__name__)


class FileLink(msgspec.Struct, frozen=True):
    """A file on offer; `sha256` is empty where the page gives none."""

    name: str
    url: str
    sha256: str = ""


class _File(msgspec.Struct):
    filename: str
    url: str
    hashes: dict[str, str] = {}


class _Page(msgspec.Struct):
    files: list[_File]


class Pages:
    """Read the listings of one pip configuration; a listing that is down counts as empty."""

    def __init__(self, pip: PipConfig) -> None:
        """Use the certificates, proxy and credentials of `pip`."""
        self._pip = pip
        self._read: dict[str, list[FileLink]] = {}

    @cached_property
    def http(self) -> "httpx.Client":
        """Open the client on the first page that is not a local file."""
        return client(self._pip)

    def project(self, index: str, name: str) -> list[FileLink]:
        """List the files an index offers for a project (normalised name)."""
        return self._listing(f"{index.rstrip('/')}/{name}/")

    def found(self, place: str) -> list[FileLink]:
        """List the files of a find-links place: a folder, a file or an HTML page."""
        path = local(place)
        if path is None:
            return self._listing(place)
        if path.is_dir():
            return [_file(item) for item in sorted(path.iterdir()) if _archive(item.name)]
        if _archive(path.name):
            return [_file(path)] if path.is_file() else []
        return self._listing(path.as_uri())

    def _listing(self, url: str) -> list[FileLink]:
        if url not in self._read:
            try:
                self._read[url] = self._fetch(url)
            except Exception as error:  # noqa: BLE001 - whatever an origin answers, the next one is tried
                log.warning("%s: %s", redact(url), redact(str(error)))
                self._read[url] = []
        return self._read[url]

    def _fetch(self, url: str) -> list[FileLink]:
        path = local(url)
        if path is not None:
            page = path / "index.html" if path.is_dir() else path
            base = page.as_uri() if path.is_file() else path.as_uri() + "/"
            return parse_html(page.read_text("utf-8"), base) if page.exists() else []
        answer = self.http.get(url, headers={"Accept": ACCEPT})
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        base = str(answer.url)
        json = "json" in answer.headers.get("content-type", "")
        links = parse_json(answer.content, base) if json else parse_html(answer.text, base)
        return [_with_credentials(link, url) for link in links]


class PythonLocator(Locator):
    """Find locked files by name and digest in find-links and on indexes."""

    def __init__(self, pip: PipConfig, indexes: list[str]) -> None:
        """Look where `pip` says, then on the stack's own `indexes`."""
        self._pages = Pages(pip)
        self._find_links = pip.find_links
        # Local indexes first: asking them costs nothing, and the digest decides anyway.
        asked = sorted(pip.indexes, key=lambda index: local(index) is None)
        self._indexes = asked if pip.no_index else [*asked, *indexes]

    def candidates(self, entry: Entry) -> Iterator[str]:
        """Give the URLs of the file, nearest first; a place that is down gives none."""
        seen: set[str] = set()
        name = canonicalize_name(entry.name)
        places = [*((self._pages.found, (place,)) for place in self._find_links)]
        pages = [(self._pages.project, (index, name)) for index in self._indexes]
        for read, arguments in [*places, *pages]:
            links = read(*arguments)  # type: ignore[operator]
            for url in matching(links, entry.path, entry.sha256):
                if url not in seen:
                    seen.add(url)
                    yield url


def parse_html(text: str, base: str) -> list[FileLink]:
    """Read the links of an HTML project page or find-links page."""
    from pypi_simple import parse_links_stream

    return [_link(item.url, base) for item in parse_links_stream([text], base_url=base)]


def parse_json(content: bytes, base: str) -> list[FileLink]:
    """Read the files of a JSON project page."""
    return [
        FileLink(file.filename, urljoin(base, file.url), file.hashes.get("sha256", ""))
        for file in msgspec.json.decode(content, type=_Page).files
    ]


def matching(links: Iterable[FileLink], name: str, sha256: str) -> list[str]:
    """Pick the URLs of the links with this file name whose hash, where given, is this."""
    return [link.url for link in links if link.name == name and link.sha256 in ("", sha256)]


def _link(url: str, base: str) -> FileLink:
    address, fragment = urldefrag(urljoin(base, url))
    name = unquote(urlsplit(address).path.rpartition("/")[2])
    kind, _, value = fragment.partition("=")
    return FileLink(name, address, value.lower() if kind == "sha256" else "")


def _file(path: Path) -> FileLink:
    return FileLink(path.name, path.absolute().as_uri())


def _archive(name: str) -> bool:
    return name.endswith(ARCHIVES)


def _with_credentials(link: FileLink, page: str) -> FileLink:
    """Give a file on its index's own host the index's credentials, as pip does."""
    asked, got = urlsplit(page), urlsplit(link.url)
    if not asked.username or got.username or asked.hostname != got.hostname:
        return link
    user, password = (quote(unquote(part or ""), "") for part in (asked.username, asked.password))
    url = got._replace(netloc=f"{user}:{password}@{got.netloc}").geturl()
    return FileLink(link.name, url, link.sha256)


def pypi_url(file: str) -> str:
    """Write the package URL of a wheel or sdist by its file name."""
    name, version = project_of(file)
    return package_url("pypi", name, version, {"file_name": file})


def project_of(file: str) -> tuple[str, str]:
    """Read name (normalised) and version off the file name of a wheel or sdist."""
    stem = re.sub(r"\.(whl|zip|tar\.[a-z0-9]+)$", "", file)
    parts = stem.split("-") if file.endswith(".whl") else stem.rsplit("-", 1)
    name = re.sub(r"[-_.]+", "-", parts[0]).lower()
    return name, parts[1] if len(parts) > 1 else ""
