"""The socket of the user's Docker Engine, and whether anything answers there."""

import http.client
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from coldforge.errors import ColdforgeError, UnreachableError

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
ANSWER_SECONDS = 20  # seconds that Docker may take to answer


class DockerAbsentError(UnreachableError):
    """No Docker Engine answers."""


@dataclass(frozen=True)
class DockerEndpoint:
    """The address of a Docker Engine."""

    url: str
    chosen: bool
    """By DOCKER_HOST or a Docker context, so that no other one may be started in its place."""
    tls: Any = None


def find_endpoint() -> DockerEndpoint:
    """Name the user's engine: DOCKER_HOST, then DOCKER_CONTEXT, then the context in use."""
    if host := os.environ.get("DOCKER_HOST"):
        return DockerEndpoint(host, chosen=True)
    if _follows_no_context():
        return DockerEndpoint(DEFAULT_SOCKET, chosen=False)
    from docker.context import ContextAPI
    from docker.context.config import get_current_context_name

    name = os.environ.get("DOCKER_CONTEXT") or get_current_context_name()
    if name == "default":
        return DockerEndpoint(DEFAULT_SOCKET, chosen=False)
    context = ContextAPI.get_context(name)
    if context is None or not context.Host:
        raise ColdforgeError(
            f"Docker context '{name}' names no Docker Engine", "see: docker context ls"
        )
    return DockerEndpoint(context.Host, chosen=True, tls=context.TLSConfig)


def _follows_no_context() -> bool:
    """Tell without the SDK, whose import takes as long as a build with nothing to do."""
    if os.environ.get("DOCKER_CONTEXT", "default") != "default":
        return False
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        named = json.loads((folder / "config.json").read_bytes()).get("currentContext")
    except (OSError, ValueError, AttributeError):
        return True
    return named in (None, "", "default")


def check_socket(url: str) -> None:
    """Connect to a Unix socket, where errors tell the cause; other URLs pass."""
    parts = urlsplit(url)
    if not parts.scheme.endswith("unix"):
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(ANSWER_SECONDS)
        try:
            probe.connect(parts.path)
        except PermissionError as error:
            raise ColdforgeError(
                f"this user may not use the Docker Engine at {parts.path}",
                "run: sudo usermod -aG docker $USER, then log in again; or run as root",
            ) from error
        except OSError as error:
            raise DockerAbsentError(
                f"no Docker Engine answers at {parts.path} ({error.strerror or error})",
                "start it (sudo systemctl start docker) or point DOCKER_HOST to one",
            ) from error


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        """Speak to Docker whose socket is `path`."""
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self.path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def inspect_local_image(image: str) -> dict[str, Any]:
    """Inspect an image without the SDK, which is slow to import; {} unless the socket is local."""
    try:
        parts = urlsplit(find_endpoint().url)
    except ColdforgeError:
        return {}
    if not parts.scheme.endswith("unix"):
        return {}
    connection = UnixConnection(parts.path)
    try:
        connection.request("GET", f"/images/{quote(image)}/json")
        answer = connection.getresponse()
        shown = json.loads(answer.read()) if answer.status == 200 else {}
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        connection.close()
    return shown if isinstance(shown, dict) else {}
