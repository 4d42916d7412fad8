"""Docker Engine dies in the middle of a step: one clear line, and no partial files."""

import gc
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.build.build import build
from tests.integration.conftest import BuildCheckout

pytestmark = pytest.mark.engine


@dataclass
class OwnDockerEngine:
    """A Docker Engine started for one test."""

    client: Any
    process: subprocess.Popen[bytes]

    def kill_when_running(self) -> None:
        """Kill Docker Engine once one of its containers runs."""
        with suppress(Exception):  # its own death is what this waits for
            while not self.client.containers.list():
                time.sleep(0.1)
            self.process.kill()


@pytest.fixture
def own_engine() -> Iterator[OwnDockerEngine]:
    if os.geteuid() or not shutil.which("dockerd"):
        pytest.skip("starting an engine needs root and dockerd")
    import docker
    import requests

    home = Path(tempfile.mkdtemp(prefix="cf-"))  # short: a socket's path has 107 bytes at most
    address = f"unix://{home}/d.sock"
    command = ["dockerd", "-H", address, "--bridge=none", "--iptables=false"]
    command += [f"--{name}={home}/{name}" for name in ("data-root", "exec-root", "pidfile")]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        client = docker.DockerClient(address, version="1.41", timeout=60)
        for _ in range(240):
            with suppress(docker.errors.DockerException, requests.exceptions.ConnectionError):
                client.ping()
                break
            time.sleep(0.25)
        yield OwnDockerEngine(client, process)
        client.close()
    finally:
        process.kill()
        process.wait(timeout=60)
        _kill_containers(home)
        shutil.rmtree(home, ignore_errors=True)


def _kill_containers(home: Path) -> None:
    """Kill what Docker Engine started, which it could not do itself."""
    for pid in home.glob("exec-root/containerd/daemon/**/init.pid"):
        with suppress(OSError, ValueError):
            os.kill(int(pid.read_text()), 9)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str(home).encode() in (entry / "cmdline").read_bytes():
                os.kill(int(entry.name), 9)
    for mount in sorted(_mounts(home), reverse=True):
        subprocess.run(["umount", "-l", mount], check=False, capture_output=True)


def _mounts(home: Path) -> list[str]:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line.split()[1] for line in lines if line.split()[1].startswith(str(home))]


# Nothing closes the sockets to the dead Docker Engine.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_docker_engine_killed_during_a_step_is_reported_and_leaves_nothing(
    checkout: BuildCheckout, own_engine: OwnDockerEngine
) -> None:
    checkout.script("echo started; sleep 60; echo never >/never")
    before = checkout.made()
    killer = threading.Thread(target=own_engine.kill_when_running, daemon=True)
    killer.start()
    with pytest.raises(ColdforgeError) as caught:
        build(checkout.context(), lambda: own_engine.client)
    killer.join(timeout=10)
    message, hint = caught.value.message, caught.value.hint
    del caught
    assert "Docker stopped answering during layer extra" in message
    assert "same command continues" in hint
    own_engine.client.close()
    gc.collect()  # sockets to a dead engine are found here, where that is allowed
    assert {path.name for path in checkout.made() - before} <= {"extra.log"}
