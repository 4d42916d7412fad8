"""The retry policy: which failures are worth another attempt, how many, and how long to wait.

Source: RFC 9110, "Retry-After"; RFC 6585, status 429.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from coldforge.mirror.http.urls import redact

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
Wait = Callable[[float], None]
ATTEMPTS = 4  # in a row that get no further
BACKOFF = 0.5  # seconds, doubled with each attempt that gets no further
LONGEST = 60.0  # seconds that a server may ask for
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


class TransientError(Exception):
    """A failure that another attempt may not meet; what arrived is kept."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        """Say what failed; `after`: seconds that the server asks to wait."""
        super().__init__(message)
        self.after = after


class StoppedError(Exception):
    """The run is being ended."""


def retrying(
    attempt: Callable[[], T],
    progress: Callable[[], int] = int,
    wait: Wait | None = None,
    attempts: int = ATTEMPTS,
) -> T:
    """Attempt until it succeeds; raise the last TransientError once `attempts` got no further.

    `progress` says how far it is, in bytes: an attempt that got further than all before it does
    not count. `wait` waits for seconds, and may raise; time.sleep by default.
    """
    failures, furthest = 0, progress()
    while True:
        try:
            return attempt()
        except TransientError as error:
            failures = 0 if progress() > furthest else failures + 1
            furthest = max(furthest, progress())
            if failures >= attempts:
                raise
            (wait or time.sleep)(delay(failures, error.after))


def delay(failures: int, after: float = 0.0) -> float:
    """Give the seconds to wait after some failures in a row, and at least `after`."""
    spread: float = random.uniform(0.5, 1.0)  # noqa: S311 - so that clients do not all come at once
    return max(BACKOFF * float(2**failures) * spread, min(after, LONGEST))


def unless(stop: Event) -> Wait:
    """Make a wait that ends with StoppedError as soon as `stop` is set."""

    def wait(seconds: float) -> None:
        if stop.wait(seconds):
            raise StoppedError

    return wait


@contextmanager
def connection() -> Iterator[None]:
    """Raise TransientError for a connection that fails or breaks."""
    import httpx

    try:
        yield
    except httpx.UnsupportedProtocol:
        raise
    except httpx.TransportError as error:
        raise TransientError(redact(str(error)) or type(error).__name__) from error


def check_status(answer: "httpx.Response", message: str = "") -> None:
    """Raise TransientError for a status that may pass."""
    if answer.status_code in TRANSIENT:
        after = retry_after(answer.headers.get("retry-after", ""))
        raise TransientError(message or f"HTTP {answer.status_code}", after)


def retry_after(header: str, now: datetime | None = None) -> float:
    """Read the seconds of a Retry-After header, a number or a date; 0 for anything else."""
    if header.isascii() and header.isdecimal():
        return float(header[:9])
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - (now or datetime.now(UTC))).total_seconds())
