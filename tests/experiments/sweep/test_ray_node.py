"""Joining a cluster: by which address, and what is said when it cannot be."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.experiments.sweep import ray_node
from coldforge.experiments.sweep.ray_node import joined, own_address


@pytest.fixture
def head() -> Iterator[str]:
    """The address of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def node(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let a script stand for a node."""
    monkeypatch.setattr(ray_node, "_command", lambda *_: ["sh", "-c", script])


def test_a_head_on_loopback_is_joined_on_loopback(head: str) -> None:
    assert own_address(head) == "127.0.0.1"


@pytest.mark.parametrize("address", ["", "head", "head:", ":6379", "head:ray", "head:0", "h:65536"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ColdforgeError, match="is not an address") as caught:
        own_address(address)
    assert "HOST:PORT" in caught.value.hint


def test_nobody_at_home_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"nothing answers at 127.0.0.1:{port}"):
        own_address(f"127.0.0.1:{port}")


def test_a_node_is_told_to_end_when_the_sweep_does(
    head: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended = tmp_path / "ended"
    script = f"trap 'touch {ended}; exit' TERM; echo {ray_node.READY}; while :; do sleep 0.05; done"
    node(monkeypatch, script)
    with joined(head, "127.0.0.1"):
        assert not ended.exists()
    assert ended.exists()


def test_a_node_that_cannot_join_says_why(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    node(monkeypatch, "echo starting; echo 'Version mismatch'; exit 1")
    with (
        pytest.raises(ColdforgeError, match=r"could not join .*: Version mismatch"),
        joined(head, "127.0.0.1"),
    ):
        pass


def test_a_node_that_never_joins_is_given_up(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_node, "PATIENCE", 0.1)
    node(monkeypatch, "exec sleep 60")
    with pytest.raises(ColdforgeError, match="it printed nothing"), joined(head, "127.0.0.1"):
        pass


def test_a_node_lends_no_processor_and_reports_to_nobody() -> None:
    command = ray_node._command("head:6379", "10.0.0.5", "/tmp/ray-1")
    assert {"--num-cpus=0", "--disable-usage-stats", "--node-ip-address=10.0.0.5"} <= set(command)
