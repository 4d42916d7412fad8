"""A client for one repository of a container registry: to pull from it and to push to it.

Sources: OCI distribution-spec v1.1; Docker Registry HTTP API v2.
"""

import json
from collections.abc import Callable
from functools import cache
from threading import Event
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.mirror.http.client import INDEX
from coldforge.mirror.http.retry import (
    TRANSIENT,
    StoppedError,
    TransientError,
    check_status,
    connection,
    retrying,
    unless,
)
from coldforge.mirror.http.urls import redact
from coldforge.mirror.settings.registries import RegistryEndpoint

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Kind = Literal["manifests", "blobs", "referrers"]
LARGEST = 8 << 20  # bytes of a document; registries take manifests of 4 MiB
LONG = 600.0  # seconds a registry may take to move a large blob to its place
TLS_PATIENCE = 5.0  # seconds an insecure registry has to answer over TLS
DENIED = (401, 403)


class AnswerError(ColdforgeError):
    """An answer that says no, by its status."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        """Keep the status too."""
        super().__init__(message, hint)
        self.status = status


class RegistryClient:
    """Speaks to a repository, with retries; refusals become one line and a hint."""

    def __init__(self, http: "httpx.Client", endpoint: RegistryEndpoint) -> None:
        """Use an open client, which authenticates; `stop` ends every request of this one."""
        self.endpoint, self.stop = endpoint, Event()
        self._http = http

    @property
    def host(self) -> str:
        """Name the registry for messages."""
        return self.endpoint.host

    def url(self, kind: Kind, reference: str) -> str:
        """Give the URL of a blob, a manifest, a list of referrers or the place of uploads."""
        return url_of(self.endpoint, kind, reference)

    def ping(self) -> None:
        """Ask once; raise UnreachableError if no registry answers there."""
        import httpx

        base = self.url("blobs", "").partition("/v2/")[0]
        try:
            status = self._http.get(f"{base}/v2/", auth=None).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _unreachable(self.host, error) from error
        if status not in (200, *DENIED) and status not in TRANSIENT:
            message = f"{self.host} does not answer as a registry: HTTP {status} for /v2/"
            raise ColdforgeError(message, "check the host and port")

    def read(self, kind: Kind, digest: str) -> bytes:
        """Read a manifest, index or config of any digest; the caller compares its bytes.

        Raise AnswerError, or TransientError once retries did not help; each gives the reason only.
        """
        return retrying(lambda: self._read(kind, digest), wait=unless(self.stop))

    def has(self, kind: Kind, digest: str) -> bool:
        """Tell whether the repository has a blob or manifest."""
        answer = self.ask("HEAD", self.url(kind, digest))
        if answer.status_code not in (200, 404):
            raise refused(self.host, f"a look for {digest[:19]}…", answer)
        return answer.status_code == 200

    def put_manifest(self, reference: str, data: bytes, media_type: str) -> bool:
        """Put a manifest under its digest or a tag; return whether its subject was kept."""
        url, headers = self.url("manifests", reference), {"Content-Type": media_type}
        answer = self.ask("PUT", url, content=data, headers=headers)
        if answer.status_code != 201:
            raise refused(self.host, f"the manifest for {reference}", answer)
        return "oci-subject" in answer.headers

    def list_index(self, kind: Kind, reference: str) -> list[dict[str, Any]] | None:
        """Read the descriptors of an index; None if there is none."""
        answer = self.ask("GET", self.url(kind, reference))
        if answer.status_code != 200:
            return None
        try:
            document = json.loads(answer.content)
            if document["mediaType"] != INDEX:
                raise ValueError
            return [dict(entry) for entry in document["manifests"]]
        except (ValueError, KeyError, TypeError):
            message = f"{self.host} lists something else than referrers at {reference}"
            raise ColdforgeError(message, "remove that tag from the registry") from None

    def send(self, method: str, url: str, **how: Any) -> "httpx.Response":  # noqa: ANN401
        """Ask once; raise TransientError if it may go better again, ColdforgeError if denied."""
        import httpx

        if self.stop.is_set():
            raise StoppedError
        timeout = httpx.Timeout(LONG, connect=10)
        try:
            with connection():
                answer = self._http.request(method, url, timeout=timeout, **how)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ColdforgeError(f"{self.host}: {redact(str(error))}") from error
        check_status(answer, error_text(answer))
        if answer.status_code in DENIED:
            hint = f"log in with an account that may push: docker login {self.host}"
            message = f"{self.host} denies the push: {error_text(answer)}"
            raise AnswerError(answer.status_code, message, hint)
        if answer.status_code == 413:
            hint = "raise the limit of the proxy before the registry (client_max_body_size)"
            message = f"{self.host} does not accept a request this large: HTTP 413"
            raise AnswerError(413, message, hint)
        return answer

    def ask(self, method: str, url: str, **how: Any) -> "httpx.Response":  # noqa: ANN401
        """Ask until there is an answer, a few times; raise ColdforgeError."""
        return self.retry(lambda: self.send(method, url, **how))

    def retry(self, attempt: Callable[[], T], progress: Callable[[], int] = int) -> T:
        """Attempt as the retry policy says; raise UnreachableError if that does not help."""
        try:
            return retrying(attempt, progress, unless(self.stop))
        except TransientError as error:
            hint = "see the registry's log and its free disk; the same command continues"
            raise UnreachableError(f"{self.host} fails: {error}", hint) from error

    def _read(self, kind: Kind, digest: str) -> bytes:
        import httpx

        try:
            with connection(), self._http.stream("GET", self.url(kind, digest)) as answer:
                check_status(answer)
                if not answer.is_success:
                    raise AnswerError(answer.status_code, f"HTTP {answer.status_code}")
                data = bytearray()
                for chunk in answer.iter_raw():
                    data += chunk
                    if len(data) > LARGEST:
                        raise AnswerError(200, f"more than {LARGEST} bytes: not a document")
                return bytes(data)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AnswerError(0, redact(str(error)) or type(error).__name__) from error


def url_of(endpoint: RegistryEndpoint, kind: Kind, reference: str) -> str:
    """Give the URL of a manifest or blob."""
    scheme = "http" if endpoint.insecure and not _speaks_tls(endpoint.host) else "https"
    return f"{scheme}://{endpoint.host}/v2/{endpoint.repository}/{kind}/{reference}"


@cache
def _speaks_tls(host: str) -> bool:
    """Tell whether an insecure registry speaks TLS after all, once a run: Docker tries it first."""
    import httpx

    try:
        # The user named the host insecure (or it is this one); nothing is sent or believed here.
        httpx.get(f"https://{host}/v2/", verify=False, timeout=TLS_PATIENCE)  # noqa: S501
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return True


def refused(host: str, what: str, answer: "httpx.Response") -> AnswerError:
    """Make the error for an unexpected answer."""
    message = f"{host} refuses {what}: {error_text(answer)}"
    return AnswerError(answer.status_code, message, "see the registry's log")


def error_text(answer: "httpx.Response") -> str:
    """Give an answer's status and the registry's own error messages, on one line."""
    words = []
    try:
        for error in json.loads(answer.content)["errors"]:
            detail = error.get("detail") or ""
            words.append(f"{error['message']} {detail if isinstance(detail, str) else ''}".strip())
    except (ValueError, KeyError, TypeError, AttributeError):
        words = []
    told = " ".join(redact("; ".join(words)).split())[:300]
    return f"HTTP {answer.status_code}" + (f" ({told})" if told else "")


def _unreachable(host: str, error: Exception) -> UnreachableError:
    text = redact(str(error)) or type(error).__name__
    hint = "check the name and port, and that the registry runs"
    if "CERTIFICATE" in text or "SSL" in text:
        hint = (
            "trust its authority's certificate on this machine, or name the registry in "
            "insecure-registries of Docker's daemon.json or in registries.conf"
        )
    return UnreachableError(f"no registry answers at {host}: {text}", hint)
