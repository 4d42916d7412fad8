from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import docker.errors
import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.containers import sandbox
from coldforge.image.containers.attached_stream import ContainerLostError
from coldforge.image.containers.sandbox import (
    SandboxLimits,
    SandboxVerdict,
    options,
    run_programs,
    shown,
)
from coldforge.image.containers.sandbox_program import READY, TOKEN

Say = Callable[[bytes], bytes | None]


class FakeWire:
    """A container that says it is ready, and then what `say` makes of the message."""

    def __init__(self, say: Say) -> None:
        self.say, self.sent = say, b""

    def send(self, message: bytes, deadline: float) -> None:
        self.sent = message

    def line(self, deadline: float) -> bytes | None:
        return self.say(self.sent) if self.sent else READY


@pytest.fixture
def client() -> MagicMock:
    found = MagicMock()
    found.info.return_value = {"NCPU": 2, "MemTotal": 8 << 30}
    return found


def judged(client: Any, monkeypatch: pytest.MonkeyPatch, say: Say) -> SandboxVerdict:
    @contextmanager
    def attached(_: object) -> Iterator[FakeWire]:
        yield FakeWire(say)

    monkeypatch.setattr(sandbox, "_attached", attached)
    ((name, verdict),) = run_programs(client, "image", {"one": "pass"})
    assert name == "one"
    return verdict


def test_a_program_passes_by_its_own_token_alone(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens: list[bytes] = []

    def honest(message: bytes) -> bytes:
        tokens.append(message[-TOKEN:])
        return tokens[-1]

    assert judged(client, monkeypatch, honest).passed
    assert judged(client, monkeypatch, honest).passed
    assert len(set(tokens)) == 2
    replayed = judged(client, monkeypatch, lambda _: tokens[0])
    assert (replayed.passed, replayed.why) == (False, tokens[0].decode())


def test_no_answer_in_time_is_a_failure(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judged(client, monkeypatch, lambda _: None).why == "timed out after 3 s"


def test_a_container_lost_once_is_tried_again(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = iter([ContainerLostError(), None])

    def once(message: bytes) -> bytes:
        if error := next(calls):
            raise error
        return message[-TOKEN:]

    assert judged(client, monkeypatch, once).passed


def test_a_container_lost_twice_is_a_failure(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(_: bytes) -> bytes:
        raise ContainerLostError

    verdict = judged(client, monkeypatch, lost)
    assert verdict == SandboxVerdict(False, "its container ended without a verdict", 0.0)


def test_every_container_is_removed(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    container = client.containers.create.return_value
    container.remove.side_effect = docker.errors.NotFound("gone by itself")
    judged(client, monkeypatch, lambda _: b"no")
    container.remove.assert_called_once_with(force=True, v=True)


def test_an_engine_that_refuses_is_no_verdict(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client.containers.create.side_effect = docker.errors.APIError("x", explanation="no such image")
    with pytest.raises(ColdforgeError, match="no such image"):
        judged(client, monkeypatch, lambda _: b"")


def test_a_container_that_does_not_get_ready_is_no_verdict(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def silent(_: object) -> Iterator[Any]:
        yield SimpleNamespace(line=lambda deadline: None)

    monkeypatch.setattr(sandbox, "_attached", silent)
    with pytest.raises(ColdforgeError, match="did not start"):
        list(run_programs(client, "image", {"one": "pass"}))


def test_a_container_gets_the_least() -> None:
    given = options(SandboxLimits(memory=1 << 20, processes=7, disk=99))
    assert given["network_mode"] == given["ipc_mode"] == "none"
    assert given["user"] == "65534:65534"
    assert (given["cap_drop"], given["security_opt"]) == (["ALL"], ["no-new-privileges"])
    assert given["read_only"]
    assert given["auto_remove"]
    assert given["mem_limit"] == given["memswap_limit"] == 1 << 20
    assert given["pids_limit"] == 7
    assert "size=99" in given["tmpfs"]["/tmp"]
    assert given["log_config"]["Type"] == "none"
    assert "mounts" not in given


def test_what_steers_a_terminal_is_not_shown() -> None:
    assert shown(b"Error: \x1b[2Jgone\xff\n") == "Error: ?[2Jgone\N{REPLACEMENT CHARACTER}?"
    assert len(shown(b"x" * 10_000)) == 200
