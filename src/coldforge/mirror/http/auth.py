"""Authentication: credentials of the URL or netrc; for registries, tokens or Basic on a challenge.

Sources: RFC 7235; Docker Registry HTTP API v2, "Token Authentication" and "OAuth2 Token
Authentication". This module needs httpx: import it where a client is opened.
"""

import netrc
import re
from collections.abc import Generator
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import parse_http_list, parse_keqv_list

import httpx

Flow = Generator[httpx.Request, httpx.Response, None]
API = "/v2/"  # where every path of a registry starts
REPOSITORY = re.compile(r"/v2/(.+)/(?:blobs|manifests|referrers|tags)/")


class Login(NamedTuple):
    """A user name and password; or, without a name, a refresh token."""

    user: str
    secret: str


class Authorise(httpx.Auth):
    """Send the credentials of the URL itself, else netrc's, else those a registry asks for.

    A redirect to another host takes none of them along: httpx drops the header.
    """

    def __init__(self, known: netrc.netrc | None) -> None:
        """Use netrc's entries, and Docker's own logins when a registry asks."""
        self._known = known
        self._granted: dict[tuple[str, str, str], str] = {}

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Send the request; answer one challenge of a registry."""
        login = self._own(request)
        if not request.url.path.startswith(API):
            if login:
                request.headers["Authorization"] = _basic(login)
            yield request
            return
        repository, actions = _repository_and_actions(request)
        key = (_origin(request.url), repository, actions)
        if key in self._granted:
            request.headers["Authorization"] = self._granted[key]
        answer = yield request
        if answer.status_code != 401 or _origin(answer.url) != _origin(request.url):
            return
        login = login or docker_login(request.url.netloc.decode("ascii"))
        scheme, parameters = parse_challenge(answer.headers.get_list("www-authenticate"))
        if scheme == "basic" and login and login.user:
            granted = _basic(login)
        elif scheme == "bearer" and _may_send_password(parameters.get("realm", ""), request.url):
            scope = f"repository:{repository}:{actions}"
            token = _token((yield _token_request(parameters, login, scope)))
            granted = f"Bearer {token}" if token else ""
        else:
            return
        if granted:
            request.headers["Authorization"] = self._granted[key] = granted
        yield request  # Without a grant too: else the token's answer would be taken for the file.

    def _own(self, request: httpx.Request) -> Login | None:
        user, password = request.url.username, request.url.password
        if not user and self._known and (found := self._known.authenticators(request.url.host)):
            user, password = found[0], found[2] or ""
        return Login(user, password) if user else None


def parse_challenge(headers: list[str]) -> tuple[str, dict[str, str]]:
    """Read the challenge to answer: scheme in lower case and its parameters; bearer first."""
    found = {}
    for header in headers:
        scheme, _, rest = header.strip().partition(" ")
        try:
            found[scheme.lower()] = parse_keqv_list(parse_http_list(rest))
        except (ValueError, IndexError):
            continue
    scheme = next((name for name in ("bearer", "basic") if name in found), "")
    return scheme, found.get(scheme, {})


def docker_login(host: str) -> Login | None:
    """Find the login that `docker login` stored for a registry, in a credential helper too."""
    from docker import auth
    from docker.errors import DockerException

    # Docker stores the login of its default registry under another name.
    known = None if host == urlsplit(str(auth.INDEX_URL)).netloc else host
    try:
        found = auth.load_config().resolve_authconfig(known) or {}
    except (DockerException, ValueError, OSError):
        return None  # Treated as logged out: the registry will refuse.
    values = {key.lower(): str(value) for key, value in found.items() if value}
    if token := values.get("identitytoken"):
        return Login("", token)
    user = values.get("username")
    return Login(user, values.get("password", "")) if user else None


def _repository_and_actions(request: httpx.Request) -> tuple[str, str]:
    """Give a request's repository and the actions of its scope."""
    found = REPOSITORY.match(request.url.path)
    reads = request.method in ("GET", "HEAD") and "/uploads/" not in request.url.path
    return found[1] if found else "", "pull" if reads else "pull,push"


def _token_request(parameters: dict[str, str], login: Login | None, scope: str) -> httpx.Request:
    service = {"service": parameters["service"]} if "service" in parameters else {}
    fields = {**service, "scope": parameters.get("scope") or scope}
    if login and not login.user:
        fields |= {"grant_type": "refresh_token", "client_id": "coldforge"}
        return httpx.Request(
            "POST", parameters["realm"], data=fields | {"refresh_token": login.secret}
        )
    url = httpx.URL(parameters["realm"]).copy_merge_params(fields)
    return httpx.Request("GET", url, headers={"Authorization": _basic(login)} if login else {})


def _token(answer: httpx.Response) -> str:
    """Read the token; empty if none was given."""
    try:
        document = answer.json() if answer.read() and answer.is_success else {}
        return str(document.get("token") or document.get("access_token") or "")
    except (ValueError, AttributeError):
        return ""


def _may_send_password(realm: str, url: httpx.URL) -> bool:
    """Tell whether a password may be sent to a realm: over TLS, unless the registry has none."""
    return realm.startswith("https://") or (url.scheme == "http" and realm.startswith("http://"))


def _basic(login: Login) -> str:
    request = httpx.Request("GET", "http://localhost/")
    next(httpx.BasicAuth(login.user, login.secret).auth_flow(request))
    return str(request.headers["Authorization"])


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"
