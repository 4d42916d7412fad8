"""An air-gapped host on this machine: a network namespace with loopback only, and Docker Engine."""

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
"""Brings loopback up, and keeps the namespace until standard input ends."""


@dataclass(frozen=True)
class AirGappedHost:
    """Runs commands in the namespace."""

    holder: "subprocess.Popen[str]"
    home: Path
    path: str
    """PATH: a Python and the system's programs, nothing of this checkout."""
    socket: str

    def run(self, *command: str, cwd: Path, ok: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command in a clean environment; with `ok`, fail the test if it fails."""
        inside = [*self.entry, *self.environment, *command]
        done = subprocess.run(inside, cwd=cwd, capture_output=True, text=True, check=False)
        assert not ok or done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done

    @property
    def entry(self) -> list[str]:
        """Command that enters the namespace."""
        return ["nsenter", "-t", str(self.holder.pid), "-n", "--"]

    @property
    def environment(self) -> list[str]:
        """Command that sets the environment, without that of the tests."""
        names = {"HOME": str(self.home), "PATH": self.path, "DOCKER_HOST": f"unix://{self.socket}"}
        return ["env", "-i", *(f"{name}={value}" for name, value in names.items())]

    def interfaces(self) -> set[str]:
        """Name the network interfaces."""
        done = subprocess.run(
            [*self.entry, "cat", "/proc/net/dev"], capture_output=True, text=True, check=True
        )
        return {line.partition(":")[0].strip() for line in done.stdout.splitlines()[2:]}


def start_air_gapped_host(root: Path) -> tuple[AirGappedHost, "subprocess.Popen[bytes]"]:
    """Start a namespace and Docker Engine in `root`; skip the test if this machine cannot."""
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("nsenter"):
        pytest.skip("an air-gapped host needs root, dockerd and nsenter")
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
    host = AirGappedHost(holder, home, path, str(engine / "sock"))
    return host, _engine(host, engine)


def _oldest_python() -> str:
    """Find the oldest supported Python."""
    found = [path for version in VERSIONS if (path := python(version))]
    return found[0] if found else sys.executable


def _engine(host: AirGappedHost, folder: Path) -> "subprocess.Popen[bytes]":
    command = [
        *(*host.entry, "dockerd", "--data-root", str(folder / "data")),
        *("--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid")),
        *("--host", f"unix://{host.socket}", "--bridge", "none"),
        *("--iptables=false", "--ip6tables=false"),
    ]
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)
    for _ in range(120):
        if host.run("docker", "version", cwd=folder, ok=False).returncode == 0:
            return daemon
        time.sleep(0.25)
    stop(host, daemon)
    pytest.fail((folder / "log").read_text()[-2000:])


def stop(host: AirGappedHost, daemon: "subprocess.Popen[Any]") -> None:
    """Stop Docker Engine and the namespace."""
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(60)
    assert host.holder.stdin
    host.holder.stdin.close()
    host.holder.wait(10)
    assert host.holder.stdout
    host.holder.stdout.close()
