"""A closed side on this machine: a network namespace with loopback alone, a home, an engine."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bootstrap.pythons import VERSIONS, python

HOLD = """\
import fcntl, os, socket, struct, sys, time
up = struct.pack("16sh", b"lo", 0x41)
fcntl.ioctl(socket.socket(), 0x8914, up)
print("ready", flush=True)
sys.stdin.read()
"""
"""Keeps the namespace until its standard input ends; its loopback is up."""


@dataclass(frozen=True)
class Closed:
    """The inside of the namespace."""

    holder: "subprocess.Popen[str]"
    home: Path
    path: str
    """Where programs are found: a Python and the system's own, nothing of this checkout."""
    socket: str

    def run(self, *command: str, cwd: Path, ok: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command in an environment of its own; with `ok`, a failure shows what it said."""
        inside = [*self.entry, *self.environment, *command]
        done = subprocess.run(inside, cwd=cwd, capture_output=True, text=True, check=False)
        assert not ok or done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done

    @property
    def entry(self) -> list[str]:
        """The command that enters the namespace."""
        return ["nsenter", "-t", str(self.holder.pid), "-n", "--"]

    @property
    def environment(self) -> list[str]:
        """The command that leaves this side's environment behind."""
        names = {"HOME": str(self.home), "PATH": self.path, "DOCKER_HOST": f"unix://{self.socket}"}
        return ["env", "-i", *(f"{name}={value}" for name, value in names.items())]

    def interfaces(self) -> set[str]:
        """Name the network interfaces there are."""
        done = subprocess.run(
            [*self.entry, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True
        )
        return {line.partition(":")[0].strip() for line in done.stdout.splitlines()[2:]}


def open_closed_side(root: Path) -> tuple[Closed, "subprocess.Popen[bytes]"]:
    """Start namespace and engine in `root`; skip where this machine does not let us."""
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("nsenter"):
        pytest.skip("a closed side wants root, dockerd and nsenter")
    home, programs, engine = root / "home", root / "bin", root / "engine"
    for folder in (home, programs, engine):
        folder.mkdir(parents=True)
    (programs / "python3").symlink_to(_oldest_python())
    holder = subprocess.Popen(
        ["unshare", "-n", "--", "python3", "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "ready\n"
    path = f"{programs}:/usr/sbin:/usr/bin:/sbin:/bin"
    closed = Closed(holder, home, path, str(engine / "sock"))
    return closed, _engine(closed, engine)


def _oldest_python() -> str:
    """Find the oldest Python that a closed host may have."""
    found = [path for version in VERSIONS if (path := python(version))]
    return found[0] if found else sys.executable


def _engine(closed: Closed, folder: Path) -> "subprocess.Popen[bytes]":
    command = [
        *(*closed.entry, "dockerd", "--data-root", str(folder / "data")),
        *("--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")),
        *("--host", f"unix://{closed.socket}", "--bridge", "none"),
        *("--iptables=false", "--ip6tables=false"),
    ]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    for _ in range(120):
        if closed.run("docker", "version", cwd=folder, ok=False).returncode == 0:
            return daemon
        time.sleep(0.25)
    close(closed, daemon)
    pytest.fail((folder / "log").read_text()[-2000:])


def close(closed: Closed, daemon: "subprocess.Popen[Any]") -> None:
    """End what was started here."""
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(60)
    assert closed.holder.stdin
    closed.holder.stdin.close()
    closed.holder.wait(10)
    assert closed.holder.stdout
    closed.holder.stdout.close()
