"""Ask a local engine one question without the SDK, whose import costs more than the answer."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import quote, urlsplit

from coldforge.errors import ColdforgeError
from coldforge.host.endpoint import GREETING, find_endpoint


class Wire(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        """Speak to the engine whose socket is `path`."""
        super().__init__("localhost", timeout=GREETING)
        self.path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def glance(image: str) -> dict[str, Any]:
    """Inspect an image of the user's engine; {} where that takes more than a local question."""
    try:
        parts = urlsplit(find_endpoint().url)
    except ColdforgeError:
        return {}
    if not parts.scheme.endswith("unix"):
        return {}
    wire = Wire(parts.path)
    try:
        wire.request("GET", f"/images/{quote(image)}/json")
        answer = wire.getresponse()
        shown = json.loads(answer.read()) if answer.status == 200 else {}
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    finally:
        wire.close()
    return shown if isinstance(shown, dict) else {}
