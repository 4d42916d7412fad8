from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
import requests.exceptions

from coldforge.deploy.fleet import HostOutcome, install_on_all
from coldforge.deploy.install import Installed
from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.mirror.http import retry
from coldforge.mirror.http.retry import ATTEMPTS


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACKOFF", 0.0)


@pytest.fixture
def asked() -> Counter[str]:
    return Counter()


@pytest.fixture
def connect(asked: Counter[str]) -> Callable[[str], Any]:
    """Connect to hosts by name: `down` never answers, `late` the third time, `shut` refuses."""

    def connect(host: str) -> Any:
        asked[host] += 1
        if host == "down" or (host == "late" and asked[host] < 3):
            raise UnreachableError(f"{host} does not answer", "start it")
        if host == "shut":
            raise ColdforgeError("Permission denied", "use a key")
        return SimpleNamespace(host=host, close=lambda: asked.update([f"{host} closed"]))

    return connect


def test_each_host_has_its_own_outcome(connect: Any, asked: Counter[str]) -> None:
    def act(client: Any) -> Installed:
        return Installed(2, client.host != "same", [1])

    assert install_on_all(["new", "down", "late", "shut", "same"], connect, act) == [
        HostOutcome("new", "installed", 2, [1]),
        HostOutcome("down", "failed", why="down does not answer", hint="start it"),
        HostOutcome("late", "installed", 2, [1]),
        HostOutcome("shut", "failed", why="Permission denied", hint="use a key"),
        HostOutcome("same", "already", 2, [1]),
    ]
    assert (asked["down"], asked["late"], asked["shut"]) == (ATTEMPTS, 3, 1)
    assert (asked["new closed"], asked["late closed"]) == (1, 1)


def test_an_engine_that_stops_is_tried_again_and_one_that_refuses_is_not(
    connect: Any, asked: Counter[str]
) -> None:
    def act(client: Any) -> Installed:
        if client.host == "drops" and asked["drops"] == 1:
            raise requests.exceptions.ConnectionError("reset")
        if client.host == "full":
            raise docker.errors.APIError("500", explanation="no space left on device")
        return Installed(1, True, [])

    drops, full = install_on_all(["drops", "full"], connect, act)
    assert (drops.state, asked["drops"]) == ("installed", 2)
    assert (full.state, asked["full"]) == ("failed", 1)
    assert "no space left on device" in full.why
    assert asked["full closed"] == 1
