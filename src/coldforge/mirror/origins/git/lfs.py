"""The Git LFS origin: large files a source tree only points to.

Source: the Git LFS specification, docs/api/batch.md and docs/api/server-discovery.md.
"""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.mirror.http.urls import local
from coldforge.mirror.origins.git.forge import Commit, commit_in, on_forge
from coldforge.mirror.origins.origin import Locator
from coldforge.mirror.settings.git import credentials, remote_url, setting
from coldforge.progress import say
from coldforge.stack.lock import Entry

if TYPE_CHECKING:
    import httpx

TYPE = "application/vnd.git-lfs+json"


class Action(msgspec.Struct, frozen=True):
    """Where and how to fetch one object."""

    href: str
    header: dict[str, str] = {}


class Answered(msgspec.Struct, frozen=True):
    """One object of an answer: an action for each thing that may be done, or none."""

    oid: str = ""
    actions: dict[str, Action] = {}


class Answer(msgspec.Struct, frozen=True):
    """What a batch endpoint says."""

    objects: list[Answered] = []


class LfsLocator(Locator):
    """Ask the LFS endpoint of a repository for an object's URL."""

    def candidates(self, entry: Entry) -> Iterable[str]:
        """Give the URLs the endpoint names; nothing if it does not answer.

        The endpoint is git's `lfs.url`, else it is derived from the repository's URL; both go
        through url.<base>.insteadOf. A repository on this disk has its objects beside it. A
        server that speaks ssh only, or wants a token sent with the download, is left out.
        """
        if not on_forge(entry.path):
            return
        try:
            place = endpoint(commit_in(entry.path))
            folder = local(place)
        except (ColdforgeError, ValueError) as error:
            say(f"  no Git LFS for {entry.name}: {error}")
            return
        if folder is not None:
            yield from _beside(folder, entry.sha256)
        elif urlsplit(place).scheme in ("http", "https"):
            yield from _asked(place, entry)


def endpoint(commit: Commit) -> str:
    """Tell where a repository's large files are asked for: a URL or a folder."""
    if configured := setting("lfs.url"):
        return remote_url(configured).rstrip("/")
    url = remote_url(commit.url).rstrip("/")
    if local(url) is not None:
        return url
    return f"{url.removesuffix('.git')}.git/info/lfs"


def _beside(repository: Path, oid: str) -> Iterator[str]:
    """Look in git-lfs's folder of objects, under every name git itself tries for a repository."""
    if not repository.is_absolute():
        return  # `host:path`, that is ssh.
    name = str(repository)
    for folder in (name, f"{name}/.git", f"{name}.git", f"{name}.git/.git"):
        path = Path(folder, "lfs", "objects", oid[:2], oid[2:4], oid)
        if path.is_file():
            yield path.as_uri()
            return


def _asked(place: str, entry: Entry) -> Iterator[str]:
    """Ask the batch endpoint; with git's own credentials if it answers 401."""
    import httpx

    from coldforge.mirror.http.client import client
    from coldforge.mirror.settings.pip import read_pip

    try:
        with client(read_pip()) as http:
            answer = _post(http, place, entry)
            if answer.status_code == 401 and (known := credentials(place)):
                answer = _post(http, _signed(place, *known), entry)
            answer.raise_for_status()
            objects = msgspec.json.decode(answer.content, type=Answer).objects
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.MsgspecError, OSError):
        return
    actions = [
        o.actions["download"] for o in objects if o.oid == entry.sha256 and "download" in o.actions
    ]
    yield from filter(None, map(_plain, actions))


def _post(http: "httpx.Client", place: str, entry: Entry) -> "httpx.Response":
    asked = {
        "operation": "download",
        "transfers": ["basic"],
        "objects": [{"oid": entry.sha256, "size": entry.size}],
    }
    headers = {"Accept": TYPE, "Content-Type": TYPE}
    content = msgspec.json.encode(asked)
    return http.post(f"{place}/objects/batch", content=content, headers=headers)


def _plain(action: Action) -> str:
    """Put an action into a single URL; "" if it needs more than a user name and a password."""
    headers = {key.lower(): value for key, value in action.header.items()}
    kind, _, secret = headers.get("authorization", "").partition(" ")
    try:
        if urlsplit(action.href).scheme not in ("http", "https"):
            return ""
        if not kind:
            return action.href
        user, _, password = base64.b64decode(secret, validate=True).decode().partition(":")
        return _signed(action.href, user, password) if kind.lower() == "basic" else ""
    except ValueError:
        return ""


def _signed(url: str, user: str, password: str) -> str:
    """Put credentials into a URL, in place of any."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user, '')}:{quote(password, '')}@{host}").geturl()
