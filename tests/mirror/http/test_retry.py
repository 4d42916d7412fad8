from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Event
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.mirror.http import retry
from coldforge.mirror.http.retry import (
    ATTEMPTS,
    LONGEST,
    StoppedError,
    TransientError,
    check_status,
    connection,
    retry_after,
    retrying,
    unless,
)


class Clock:
    """A clock that jumps instead of waiting."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(retry.time, "sleep", clock.wait)
    monkeypatch.setattr(retry.random, "uniform", lambda low, high: high)
    return clock


class Failing:
    """Fails as it is told, then succeeds; may get further with each attempt."""

    def __init__(self, *errors: Exception, steps: int = 0) -> None:
        self.errors, self.steps, self.far, self.count = list(errors), steps, 0, 0

    def __call__(self) -> str:
        self.count += 1
        self.far += self.steps
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_pauses_double_until_it_succeeds(clock: Clock) -> None:
    assert retrying(Failing(*[TransientError("busy")] * 3)) == "done"
    assert clock.waits == [1.0, 2.0, 4.0]


def test_the_last_failure_is_raised_after_the_attempts(clock: Clock) -> None:
    failing = Failing(*[TransientError(str(number)) for number in range(9)])
    with pytest.raises(TransientError, match=str(ATTEMPTS - 1)):
        retrying(failing)
    assert failing.count == ATTEMPTS
    assert len(clock.waits) == ATTEMPTS - 1


def test_how_often_may_be_said(clock: Clock) -> None:
    failing = Failing(*[TransientError("busy")] * 9)
    with pytest.raises(TransientError):
        retrying(failing, attempts=2)
    assert failing.count == 2


def test_an_attempt_that_gets_further_does_not_count(clock: Clock) -> None:
    failing = Failing(*[TransientError("cut off")] * 50, steps=1)
    assert retrying(failing, lambda: failing.far) == "done"
    assert clock.waits == [0.5] * 50


def test_another_failure_is_not_tried_again(clock: Clock) -> None:
    failing = Failing(ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        retrying(failing)
    assert (failing.count, clock.waits) == (1, [])


def test_a_server_says_how_long_to_wait_up_to_a_limit(clock: Clock) -> None:
    retrying(Failing(TransientError("", 7.0), TransientError("", 0.1), TransientError("", 9e9)))
    assert clock.waits == [7.0, 2.0, LONGEST]


def test_clients_do_not_all_come_back_at_once() -> None:
    assert all(0.5 <= retry.delay(1) <= 1.0 for _ in range(50))
    assert len({retry.delay(1) for _ in range(50)}) > 1


def test_a_run_that_ends_waits_no_longer() -> None:
    stop = Event()
    stop.set()
    failing = Failing(*[TransientError("busy", 60.0)] * 9)
    with pytest.raises(StoppedError):
        retrying(failing, wait=unless(stop))
    assert failing.count == 1


@pytest.mark.parametrize(
    ("status", "transient"),
    [(200, 0), (301, 0), (401, 0), (404, 0), (408, 1), (416, 0), (429, 1), (500, 1), (501, 0),
     (502, 1), (503, 1), (504, 1), (505, 0)],
)  # fmt: skip
def test_statuses_that_may_pass_are_told_apart(status: int, transient: int) -> None:
    answer = httpx.Response(status, headers={"retry-after": "3"})
    if transient:
        with pytest.raises(TransientError, match=f"HTTP {status}") as caught:
            check_status(answer)
        assert caught.value.after == 3.0
    else:
        check_status(answer)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (httpx.ConnectError("https://me:secret@example.org/ refused"), TransientError),
        (httpx.ReadTimeout(""), TransientError),
        (httpx.RemoteProtocolError("cut off"), TransientError),
        (httpx.UnsupportedProtocol("ftp"), httpx.UnsupportedProtocol),
        (httpx.TooManyRedirects("20"), httpx.TooManyRedirects),
        (httpx.InvalidURL("no"), httpx.InvalidURL),
    ],
)
def test_a_broken_connection_may_pass_and_a_wrong_url_does_not(error: Any, expected: Any) -> None:
    with pytest.raises(expected) as caught, connection():
        raise error
    assert "secret" not in str(caught.value)
    assert str(caught.value)


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("9" * 5000, 999999999.0),
    ],
)
def test_a_retry_after_is_seconds_or_a_date(header: str, seconds: float) -> None:
    assert retry_after(header, NOW) == seconds


@given(st.text())
def test_no_header_breaks_it(header: str) -> None:
    assert retry_after(header) >= 0.0
