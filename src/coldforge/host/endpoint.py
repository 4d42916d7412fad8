"""Where the user's Docker Engine listens, and whether anything answers there."""

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
ANSWER_SECONDS = 20  # seconds an engine may take to say who it is


class DockerAbsentError(UnreachableError):
    """Nothing answers where an engine should be."""


@dataclass(frozen=True)
class Endpoint:
    """Where an engine listens, and who said so."""

    url: str
    chosen: bool
    """By DOCKER_HOST or a Docker context, so that no other one may be started in its place."""
    tls: Any = None


def find_endpoint() -> Endpoint:
    """Name the user's engine: DOCKER_HOST, then DOCKER_CONTEXT, then the context in use."""
    if host := os.environ.get("DOCKER_HOST"):
        return Endpoint(host, chosen=True)
    if _follows_no_context():
        return Endpoint(DEFAULT_SOCKET, chosen=False)
    from docker.context import ContextAPI
    from docker.context.config import get_current_context_name

    name = os.environ.get("DOCKER_CONTEXT") or get_current_context_name()
    if name == "default":
        return Endpoint(DEFAULT_SOCKET, chosen=False)
    context = ContextAPI.get_context(name)
    if context is None or not context.Host:
        raise ColdforgeError(f"Docker context '{name}' names no engine", "see: docker context ls")
    return Endpoint(context.Host, chosen=True, tls=context.TLSConfig)


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
    """Knock at a Unix socket, where refusals can be told apart; other URLs pass."""
    parts = urlsplit(url)
    if not parts.scheme.endswith("unix"):
        return
    with socket.socket(socket.AF_UNIX) as knock:
        knock.settimeout(ANSWER_SECONDS)
        try:
            knock.connect(parts.path)
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
        """Speak to the engine whose socket is `path`."""
        super().__init__("localhost", timeout=ANSWER_SECONDS)
        self.path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def inspect_local_image(image: str) -> dict[str, Any]:
    """Inspect an image of the user's engine; {} where that takes more than a local question."""
    try:
        parts = urlsplit(find_endpoint().url)
    except ColdforgeError:
        return {}
    if not parts.scheme.endswith("unix"):
        return {}
    wire = UnixConnection(parts.path)
    try:
        wire.request("GET", f"/images/{quote(image)}/json")
        answer = wire.getresponse()
        shown = json.loads(answer.read()) if answer.status == 200 else {}
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        wire.close()
    return shown if isinstance(shown, dict) else {}
