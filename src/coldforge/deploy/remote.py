"""A repository of a registry, spoken to over HTTP; what it refuses becomes one line and a hint.

Source: OCI distribution-spec v1.1, "Push" and "Error Codes".
"""

import json
import random
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

from coldforge.deploy.target import Target
from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.mirror.http.download import ATTEMPTS, BACKOFF, PASSING, BrokenError, StoppedError
from coldforge.mirror.http.urls import redact
from coldforge.mirror.origins.oci.protocol import Kind, url_of
from coldforge.mirror.settings.registries import Containers

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
LONG = 600.0  # seconds a registry may take to move a large blob to its place
DENIED = (401, 403)


class Remote:
    """Where a target's blobs and manifests go."""

    def __init__(self, http: "httpx.Client", target: Target, containers: Containers) -> None:
        """Find the API; raise ColdforgeError if the user's configuration blocks it."""
        endpoint = containers.own(target.host, target.repository)
        if endpoint is None:
            hint = "see registries.conf"
            raise ColdforgeError(f"{target.host} is blocked by this user's configuration", hint)
        self.endpoint, self.stop = endpoint, Event()
        self._http = http

    @property
    def host(self) -> str:
        """Name the registry for messages."""
        return self.endpoint.host

    def url(self, kind: Kind, what: str) -> str:
        """Give the URL of a blob, a manifest or the place where uploads begin."""
        return url_of(self.endpoint, kind, what)

    def greet(self) -> None:
        """Knock once; raise UnreachableError if no registry answers there."""
        import httpx

        base = self.url("blobs", "").partition("/v2/")[0]
        try:
            code = self._http.get(f"{base}/v2/", auth=None).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._silence(error) from error
        if code not in (200, *DENIED) and code not in PASSING:
            message = f"{self.host} does not speak as a registry: HTTP {code} for /v2/"
            raise ColdforgeError(message, "check the host and port")

    def send(self, method: str, url: str, **how: Any) -> "httpx.Response":  # noqa: ANN401
        """Ask once; raise BrokenError if it may go better again, ColdforgeError if denied."""
        import httpx

        if self.stop.is_set():
            raise StoppedError
        try:
            answer = self._http.request(method, url, timeout=httpx.Timeout(LONG, connect=10), **how)
        except httpx.TransportError as error:
            raise BrokenError(redact(str(error)) or type(error).__name__) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ColdforgeError(f"{self.host}: {redact(str(error))}") from error
        if answer.status_code in PASSING:
            raise BrokenError(said(answer))
        if answer.status_code in DENIED:
            hint = f"log in with an account that may push: docker login {self.host}"
            raise ColdforgeError(f"{self.host} denies the push: {said(answer)}", hint)
        if answer.status_code == 413:
            hint = "raise the limit of the proxy before the registry (client_max_body_size)"
            raise ColdforgeError(f"{self.host} takes no request so large: HTTP 413", hint)
        return answer

    def ask(self, method: str, url: str, **how: Any) -> "httpx.Response":  # noqa: ANN401
        """Ask until there is an answer, a few times; raise ColdforgeError."""
        return self.patiently(lambda: self.send(method, url, **how))

    def patiently(self, attempt: Callable[[], T], far: Callable[[], int] = int) -> T:
        """Attempt until it succeeds; give up after a few failures without getting any further.

        `far` says how far it is, in bytes.
        """
        failures, furthest = 0, far()
        while True:
            try:
                return attempt()
            except BrokenError as error:
                failures = 0 if far() > furthest else failures + 1
                furthest = max(furthest, far())
                if failures >= ATTEMPTS:
                    raise UnreachableError(
                        f"{self.host} fails: {error}",
                        "see the registry's log and its free disk; the same command continues",
                    ) from error
                self._pause(failures)

    def has(self, kind: Kind, digest: str) -> bool:
        """Tell whether the registry has a blob or manifest."""
        answer = self.ask("HEAD", self.url(kind, digest))
        if answer.status_code not in (200, 404):
            raise refused(self.host, f"a look for {digest[:19]}…", answer)
        return answer.status_code == 200

    def location(self, answer: "httpx.Response") -> str:
        """Read where an upload goes on; a proxy's slip from https to http is mended."""
        where: str = urljoin(str(answer.url), answer.headers.get("location", ""))
        asked, named = urlsplit(str(answer.url)), urlsplit(where)
        slipped = (asked.scheme, named.scheme) == ("https", "http")
        if slipped and asked.hostname == named.hostname:
            where = named._replace(scheme="https", netloc=asked.netloc).geturl()
        return where

    def _pause(self, failures: int) -> None:
        seconds = BACKOFF * 2**failures * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries
        if self.stop.wait(seconds):
            raise StoppedError

    def _silence(self, error: Exception) -> UnreachableError:
        text = redact(str(error)) or type(error).__name__
        hint = "check the name and port, and that the registry runs"
        if "CERTIFICATE" in text or "SSL" in text:
            hint = (
                "trust its authority's certificate on this machine, or name the registry in "
                "insecure-registries of Docker's daemon.json or in registries.conf"
            )
        return UnreachableError(f"no registry answers at {self.host}: {text}", hint)


def refused(host: str, what: str, answer: "httpx.Response") -> ColdforgeError:
    """Make an error of an answer that nobody expects."""
    return ColdforgeError(f"{host} refuses {what}: {said(answer)}", "see the registry's log")


def said(answer: "httpx.Response") -> str:
    """Give an answer's status and the registry's own words, on one line."""
    words = []
    try:
        for error in json.loads(answer.content)["errors"]:
            detail = error.get("detail") or ""
            words.append(f"{error['message']} {detail if isinstance(detail, str) else ''}".strip())
    except (ValueError, KeyError, TypeError, AttributeError):
        words = []
    told = " ".join(redact("; ".join(words)).split())[:300]
    return f"HTTP {answer.status_code}" + (f" ({told})" if told else "")
