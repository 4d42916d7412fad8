"""One HTTP client for the origins, and URLs that are fit to print."""

import netrc
import re
import ssl
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from coldforge.mirror.origins.pip import PipConfig

if TYPE_CHECKING:
    import httpx

# `identity`: the bytes asked for are the bytes hashed, and ranges count them.
HEADERS = {"User-Agent": "coldforge", "Accept-Encoding": "identity"}
CONNECT, READ = 10.0, 60.0  # seconds


def redact(text: str) -> str:
    """Hide user names, passwords and query strings of every URL in a text."""
    hidden = re.sub(r"(?<=://)[^/\s@]+@", "***@", text)
    return re.sub(r"(://[^\s?]+)\?[^\s#]+", r"\1?***", hidden)


def client(pip: PipConfig) -> "httpx.Client":
    """Open a pooled client with pip's certificate, proxy and trusted hosts, and netrc."""
    import httpx

    context = _certificates(pip.cert)
    # The user named these hosts as trusted whatever their certificates say.
    unchecked = {
        f"all://{host}": httpx.HTTPTransport(verify=False, proxy=pip.proxy or None)
        for host in pip.trusted
    }
    return httpx.Client(
        verify=context,
        proxy=pip.proxy or None,
        mounts=unchecked,
        auth=partial(_authorise, _netrc()),
        headers=HEADERS,
        timeout=httpx.Timeout(READ, connect=CONNECT),
        follow_redirects=True,
    )


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


def _authorise(known: netrc.netrc | None, request: "httpx.Request") -> "httpx.Request":
    """Send the credentials of the URL itself, else those netrc holds for its host."""
    import httpx

    user, password = request.url.username, request.url.password
    if not user and known and (found := known.authenticators(request.url.host)):
        user, password = found[0], found[2] or ""
    if user:
        return next(httpx.BasicAuth(user, password).auth_flow(request))
    return request


def _netrc() -> netrc.netrc | None:
    try:
        return netrc.netrc()
    except (OSError, netrc.NetrcParseError):
        return None
