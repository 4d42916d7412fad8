"""A node that joins a Ray cluster to submit jobs; it offers no processor."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coldforge.errors import ColdforgeError, UnreachableError

STORE = 78_643_200
"""Bytes for objects, the fewest Ray takes: a job and its outcome are a few kilobytes."""
READY = "Ray runtime started"
PATIENCE = 90.0
"""Seconds for a node to join."""


def own_address(address: str) -> str:
    """Return the address by which this machine reaches a cluster, HOST:PORT; raise if it cannot."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ColdforgeError(
            f"--ray {address} is not an address", "write HOST:PORT, such as head:6379"
        )
    try:
        with socket.create_connection((host, int(port)), timeout=5) as found:
            return str(found.getsockname()[0])
    except OSError as error:
        raise UnreachableError(
            f"nothing answers at {address}: {error.strerror or error}",
            "start the head: sweep --help says how",
        ) from error


@contextmanager
def joined(address: str, own: str) -> Iterator[None]:
    """Join a cluster with a node at address `own` that runs no jobs; leave at the end."""
    with tempfile.TemporaryDirectory(prefix="ray-") as name:
        log = Path(name) / "start.log"
        with log.open("wb") as output:
            node = subprocess.Popen(
                _command(address, own, name), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0"},
            )  # fmt: skip
        try:
            _wait(node, log, address)
            yield
        finally:
            _end(node)


def _command(address: str, own: str, folder: str) -> list[str]:
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", f"--address={address}"),
        *(f"--node-ip-address={own}", "--num-cpus=0", "--num-gpus=0", "--block"),
        *("--disable-usage-stats", "--include-log-monitor=false", f"--temp-dir={folder}"),
        # By default the store is on /dev/shm, which is small in a container.
        *(f"--plasma-directory={folder}", f"--object-store-memory={STORE}"),
    ]


def _wait(node: "subprocess.Popen[bytes]", log: Path, address: str) -> None:
    until = time.monotonic() + PATIENCE
    while READY not in (output := log.read_text("utf-8", "replace")):
        if node.poll() is not None or time.monotonic() > until:
            lines = [line for line in output.splitlines() if line.strip()] or ["it printed nothing"]
            raise ColdforgeError(
                f"could not join the cluster at {address}: {lines[-1].strip()}",
                "head, workers and sweep must come from the same image",
            )
        time.sleep(0.2)


def _end(node: "subprocess.Popen[bytes]") -> None:
    node.send_signal(signal.SIGTERM)
    try:
        node.wait(15)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait()
