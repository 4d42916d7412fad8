"""Read the user's container configuration: which registries an unqualified image name means.

Sources: containers-registries.conf(5), version 2; dockerd(8), daemon.json.
"""

import contextlib
import ipaddress
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from coldforge.errors import ColdforgeError

OVERRIDE = "CONTAINERS_REGISTRIES_CONF"
DAEMON = "etc/docker/daemon.json"
HINT = (
    "name the registry that has it in unqualified-search-registries of "
    "~/.config/containers/registries.conf"
)


class Mirror(msgspec.Struct, frozen=True):
    """A place to ask before the registry itself."""

    location: str
    insecure: bool = False


class Registry(msgspec.Struct, frozen=True):
    """A [[registry]] table: what names that start with `prefix` really mean."""

    location: str = ""
    prefix: str = ""
    insecure: bool = False
    blocked: bool = False
    mirror: list[Mirror] = []


class RegistryEndpoint(msgspec.Struct, frozen=True):
    """A registry's API and the repository's name there; http only if it may be insecure."""

    host: str
    """With its port, if it has one."""
    repository: str
    insecure: bool = False


class Containers(msgspec.Struct, frozen=True):
    """The merged configuration."""

    search: list[str] = []
    registries: list[Registry] = []
    mirrors: list[str] = []
    """Docker's mirrors of its default registry: URLs."""
    insecure: list[str] = []
    """Docker's: hosts, with their port if they have one, and networks."""

    def endpoints(self, repository: str) -> list[RegistryEndpoint]:
        """List the registries of an unqualified repository, in the order to try."""
        found = [end for host in self.search or [_default()] for end in self._of(host, repository)]
        return list(dict.fromkeys(found))

    def own(self, host: str, repository: str) -> RegistryEndpoint | None:
        """Find where a registry itself is, its mirrors left out; None if it is blocked."""
        table = self._table(f"{host}/{repository}")
        if table and table.blocked:
            return None
        *_, endpoint = self._of(host, repository)
        return endpoint

    def unverified(self) -> list[str]:
        """List the hosts whose certificates the user told us not to check."""
        places = [(item.location or item.prefix, item.insecure) for item in self.registries]
        places += [(place.location, place.insecure) for r in self.registries for place in r.mirror]
        hosts = [place.partition("/")[0] for place, insecure in places if insecure]
        # Of a prefix such as *.example.org the hosts are not known, and a network is no host.
        hosts += [name for name in self.insecure if "/" not in name]
        return sorted({host for host in hosts if host and "*" not in host})

    def _of(self, host: str, repository: str) -> Iterator[RegistryEndpoint]:
        if host == _default():
            for url in self.mirrors:
                parts = urlsplit(url)
                location = f"{parts.netloc}{parts.path}".rstrip("/")
                name = f"{location}/{_official(repository)}"
                yield self._endpoint(name, parts.scheme == "http")
        full = f"{host}/{_official(repository) if host == _default() else repository}"
        table = self._table(full)
        if table is None:
            yield self._endpoint(full, insecure=False)
        elif not table.blocked:
            rest = full.removeprefix(table.prefix or table.location)
            for mirror in table.mirror:
                yield self._endpoint(mirror.location + rest, mirror.insecure)
            # A wildcard prefix has no location of its own: the name stays.
            wild = table.prefix.startswith("*.") or not table.location
            yield self._endpoint(full if wild else table.location + rest, table.insecure)

    def _table(self, full: str) -> Registry | None:
        """Find the table with the longest prefix of a full name."""
        fits = [item for item in self.registries if _covers(item.prefix or item.location, full)]
        return max(fits, key=lambda item: len(item.prefix or item.location), default=None)

    def _endpoint(self, name: str, insecure: bool) -> RegistryEndpoint:
        host, _, repository = name.partition("/")
        if host == _default():
            host = _api()
        return RegistryEndpoint(host, repository, insecure or self._is_insecure(host))

    def _is_insecure(self, host: str) -> bool:
        bare = urlsplit(f"//{host}").hostname or ""
        if bare == "localhost" or host in self.insecure or bare in self.insecure:
            return True
        with contextlib.suppress(ValueError):
            address = ipaddress.ip_address(bare)
            return address.is_loopback or any(address in net for net in _networks(self.insecure))
        return False


def read_containers(root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> Containers:
    """Read the user's registries.conf, else the host's, and Docker's daemon.json.

    Files this user cannot read count as absent; raise ColdforgeError on a file that is malformed.
    """
    env = os.environ if environ is None else environ
    search: list[str] = []
    registries: dict[str, Registry] = {}
    for path in _files(root, env):
        document = _toml(path)
        search = document.get("unqualified-search-registries", search)
        try:
            tables = msgspec.convert(document.get("registry", []), list[Registry])
            search = msgspec.convert(search, list[str])
        except msgspec.ValidationError as error:
            raise _bad(path, error) from error
        registries |= {item.prefix or item.location: item for item in tables}
    daemon = _daemon(root / DAEMON)
    return Containers(search, list(registries.values()), *daemon)


def _files(root: Path, env: Mapping[str, str]) -> Iterator[Path]:
    """List the main file that counts and the drop-ins that amend it, in the order to apply."""
    shared = root / "etc" / "containers"
    home = Path(env.get("XDG_CONFIG_HOME") or Path(env.get("HOME", "/")) / ".config") / "containers"
    if named := env.get(OVERRIDE):
        yield Path(named)
        return
    own = home / "registries.conf"
    yield own if own.is_file() else shared / "registries.conf"
    for folder in (shared, home):
        yield from sorted((folder / "registries.conf.d").glob("*.conf"))


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError:
        return {}
    except ValueError as error:
        raise _bad(path, error) from error


def _daemon(path: Path) -> tuple[list[str], list[str]]:
    """Read Docker's mirrors and insecure registries."""
    try:
        document = json.loads(path.read_bytes())
        mirrors = msgspec.convert(document.get("registry-mirrors", []), list[str])
        insecure = msgspec.convert(document.get("insecure-registries", []), list[str])
    except OSError:
        return [], []
    except (ValueError, AttributeError, msgspec.ValidationError) as error:
        raise _bad(path, error) from error
    return mirrors, insecure


def _bad(path: Path, error: Exception) -> ColdforgeError:
    return ColdforgeError(f"{path} cannot be read: {error}", "correct the file")


def _covers(prefix: str, full: str) -> bool:
    """Tell whether a prefix ends at a boundary of the name; `*.` stands for any subdomain."""
    if prefix.startswith("*."):
        return full.partition("/")[0].partition(":")[0].endswith(prefix[1:])
    return bool(prefix) and (full == prefix or full.startswith((f"{prefix}/", f"{prefix}:")))


def _networks(names: list[str]) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for name in names:
        with contextlib.suppress(ValueError):
            yield ipaddress.ip_network(name, strict=False)


def _default() -> str:
    """Ask the Docker SDK which registry an unqualified name means to Docker."""
    from docker.auth import INDEX_NAME

    return str(INDEX_NAME)


def _api() -> str:
    from docker.auth import INDEX_URL

    return urlsplit(str(INDEX_URL)).netloc


def _official(repository: str) -> str:
    """Give a name of one part the namespace that Docker's registry has it in."""
    return repository if "/" in repository else f"library/{repository}"
