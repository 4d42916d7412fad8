"""Headless Chromium over its DevTools pipe: NUL-terminated JSON, in on fd 3 and out on fd 4."""

import base64
import fcntl
import json
import os
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-pipe", "--hide-scrollbars", "--force-color-profile=srgb",
)  # fmt: skip
Answer = dict[str, Any]


class Browser:
    """One tab."""

    def __init__(self, send: int, hear: int) -> None:
        """Open a tab and subscribe to its events."""
        self._send, self._hear = send, hear
        self._rest = b""
        self._last = 0
        self._session: str | None = None
        self.events: deque[Answer] = deque()
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **given: Any) -> Answer:
        """Call a method; collect the events that arrive meanwhile."""
        self._last += 1
        request = {"id": self._last, "method": method, "params": given}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._send, json.dumps(request).encode() + b"\0")
        while True:
            heard = self._message()
            if heard.get("id") == self._last:
                assert "error" not in heard, heard
                answer: Answer = heard["result"]
                return answer
            self.events.append(heard)

    def open(self, page: Path, width: int, dark: bool = False) -> None:
        """Load a page, `width` pixels wide, and wait until it is loaded."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        while not self.events_of("Page.loadEventFired"):
            self.events.append(self._message())

    def events_of(self, method: str) -> list[Answer]:
        """List the events of a method since the page was opened."""
        return [item["params"] for item in self.events if item.get("method") == method]

    def value(self, expression: str) -> Any:
        """Evaluate JavaScript in the page."""
        found = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def data(self, method: str, **given: Any) -> bytes:
        """Make a screenshot or a PDF."""
        return base64.b64decode(self.ask(method, **given)["data"])

    def end(self) -> None:
        """Close the browser and all its processes."""
        self._session = None
        self.ask("Browser.close")

    def _message(self) -> Answer:
        while b"\0" not in self._rest:
            more = os.read(self._hear, 1 << 20)
            assert more, "the browser ended"
            self._rest += more
        line, _, self._rest = self._rest.partition(b"\0")
        message: Answer = json.loads(line)
        return message


@contextmanager
def chromium(program: str, folder: Path) -> Iterator[Browser]:
    """Start Chromium with a new profile, and close it."""
    (hear, tell), (listen, send) = os.pipe(), os.pipe()
    # Not 3 and 4, which Chromium gets.
    theirs = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in (listen, tell)]
    quiet = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
    places = [(os.POSIX_SPAWN_DUP2, end, at) for at, end in enumerate(theirs, 3)]
    command = [program, *QUIET, f"--user-data-dir={folder / 'profile'}"]
    env = {**os.environ, "HOME": str(folder)}
    process = os.posix_spawn(program, command, env, file_actions=[quiet, *places])
    for end in (*theirs, listen, tell):
        os.close(end)
    browser = None
    try:
        browser = Browser(send, hear)
        yield browser
    finally:
        with suppress(AssertionError, OSError):
            browser.end() if browser else os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(send)
        os.close(hear)
