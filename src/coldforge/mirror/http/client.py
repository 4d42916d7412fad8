"""The HTTP client: certificates, proxy, credentials and headers of every request."""

import netrc
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from coldforge.errors import ColdforgeError
from coldforge.mirror.settings.pip import PipConfig
from coldforge.mirror.settings.registries import read_containers

if TYPE_CHECKING:
    import httpx

# `identity`: the bytes asked for are the bytes hashed, and ranges count them.
HEADERS = {"User-Agent": "coldforge", "Accept-Encoding": "identity"}
CONNECT, READ = 10.0, 60.0  # seconds
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPES = (
    INDEX,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


def client(pip: PipConfig) -> "httpx.Client":
    """Open a pooled client with pip's certificate, proxy and trusted hosts, netrc, and logins.

    Registries are those of the containers' configuration; their logins are Docker's.
    """
    import httpx

    from coldforge.mirror.http.auth import Authorise

    context = _certificates(pip.cert)
    # The user named these hosts as trusted whatever their certificates say.
    unchecked = {
        f"all://{host}": httpx.HTTPTransport(verify=False, proxy=pip.proxy or None)
        for host in [*pip.trusted, *_unverified()]
    }
    return httpx.Client(
        verify=context,
        proxy=pip.proxy or None,
        mounts=unchecked,
        auth=Authorise(_netrc()),
        event_hooks={"request": [_accept_manifests]},
        headers=HEADERS,
        timeout=httpx.Timeout(READ, connect=CONNECT),
        follow_redirects=True,
    )


def _unverified() -> list[str]:
    try:
        return read_containers().unverified()
    except ColdforgeError:
        return []  # An error in that file is reported when a registry is asked.


def _certificates(extra: str) -> ssl.SSLContext:
    """Trust the system's certificates, the bundled ones and the user's own."""
    import certifi

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    if extra and Path(extra).is_dir():
        context.load_verify_locations(capath=extra)
    elif extra:
        context.load_verify_locations(extra)
    return context


def _accept_manifests(request: "httpx.Request") -> None:
    """Ask a registry for manifests of every kind: of none named, it hides the newer ones."""
    if request.url.path.startswith("/v2/") and "/manifests/" in request.url.path:
        request.headers["Accept"] = ", ".join(MANIFEST_TYPES)


def _netrc() -> netrc.netrc | None:
    try:
        return netrc.netrc()
    except (OSError, netrc.NetrcParseError):
        return None
