"""Run a finished image on the user's files: their own user, no network, nothing else writable.

A shell runs on the user's terminal.
"""

import fcntl
import os
import select
import shutil
import socket
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coldforge.errors import ColdforgeError
from coldforge.image.containers.docker_engine import image_name
from coldforge.image.containers.step import (
    STEP_LABEL,
    bind,
    closing_stream,
    docker_errors,
    shares_files,
)

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

HOME = "/tmp"  # noqa: S108 - the container's own


@dataclass(frozen=True)
class Launch:
    """A command in an image, and the host folders and files it sees at their own paths."""

    image: str
    command: list[str]
    reads: list[Path] = field(default_factory=list)
    writes: list[Path] = field(default_factory=list)
    env: Mapping[str, str] = field(default_factory=dict)
    cluster: bool = False
    """Whether it uses the host's network: only for a sweep, which joins the user's Ray cluster.
    Its nodes call one another back, so the container needs an address that they can reach."""
    gpus: bool = False
    """Whether it sees the host's NVIDIA cards."""


def launch(
    client: "docker.DockerClient",
    work: Launch,
    out: Callable[[bytes], object],
    err: Callable[[bytes], object],
) -> int:
    """Run `work`, passing what it prints to `out` and `err` as it comes; return its exit status.

    Raise ColdforgeError if Docker cannot see the host's files or dies.
    """
    with docker_errors("the run"), created(client, work, tty=False) as container:
        stream = container.attach(stdout=True, stderr=True, stream=True, demux=True)
        with closing_stream(stream):
            container.start()
            for printed, said in stream:
                if printed:
                    out(printed)
                if said:
                    err(said)
        status: int = container.wait()["StatusCode"]
        return status


@contextmanager
def created(client: "docker.DockerClient", work: Launch, tty: bool) -> Iterator["Container"]:
    """Yield a container of `work`, not started yet; remove it at the end."""
    shown = [*work.reads, *work.writes]
    if shown and not shares_files(client, work.image, _folder(shown[0])):
        raise ColdforgeError(
            "this Docker Engine does not see this host's files",
            "use a Docker Engine on this machine: unset DOCKER_HOST",
        )
    mounts = [bind(str(path), path) for path in _outermost(work.reads, work.writes)]
    mounts += [bind(str(path), path, writable=True) for path in dict.fromkeys(work.writes)]
    container = client.containers.create(
        work.image, work.command, mounts=mounts, **_limits(work, tty)
    )
    try:
        yield container
    finally:
        container.remove(force=True, v=True)


def _limits(work: Launch, tty: bool) -> dict[str, Any]:
    return {
        "network_mode": "host" if work.cluster else "none",
        "user": f"{os.getuid()}:{os.getgid()}",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "environment": {
            "HOME": HOME,
            "USER": "coldforge",
            **work.env,
        },
        "labels": {STEP_LABEL: "run"},
        "read_only": True,
        "tmpfs": {"/tmp": "mode=1777,exec"},  # noqa: S108 - the container's own
        "pids_limit": 4096,
        "tty": tty,
        "stdin_open": tty,
        "init": True,
        **({"device_requests": [_every_card()]} if work.gpus else {}),
    }


def _every_card() -> Any:  # noqa: ANN401 - untyped SDK
    from docker.types import DeviceRequest

    return DeviceRequest(count=-1, capabilities=[["gpu"]])


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _outermost(reads: list[Path], writes: list[Path]) -> list[Path]:
    """Drop what is mounted already: a Docker Engine refuses two mounts at one place."""
    return [path for path in dict.fromkeys(reads) if path not in writes]


def shell(client: "docker.DockerClient", stack: str, folder: Path) -> int:
    """Open bash in stack `stack`'s image with `folder` writable; return its exit status.

    Raise ColdforgeError where there is no terminal.
    """
    if not sys.stdin.isatty():
        raise ColdforgeError("a shell needs a terminal", "for one command: docker run --rm IMAGE …")
    work = Launch(image_name(stack), ["/bin/bash"], writes=[folder])
    with created(client, work, tty=True) as container:
        wire = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        with closing(wire), closing(wire._sock):  # the SDK's object holds the socket open
            container.start()
            size = shutil.get_terminal_size()
            container.resize(size.lines, size.columns)
            with _raw(sys.stdin.fileno()):
                _carry(wire._sock, sys.stdin.fileno(), sys.stdout.fileno())
        status: int = container.wait()["StatusCode"]
        return status


@contextmanager
def _raw(terminal: int) -> Iterator[None]:
    """Put the terminal into raw mode; restore it at the end."""
    before = termios.tcgetattr(terminal)
    flags = fcntl.fcntl(terminal, fcntl.F_GETFL)
    try:
        tty.setraw(terminal)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        fcntl.fcntl(terminal, fcntl.F_SETFL, flags)


def _carry(wire: socket.socket, keys: int, screen: int) -> None:
    while True:
        ready, _, _ = select.select([wire.fileno(), keys], [], [])
        if wire.fileno() in ready:
            shown = wire.recv(1 << 16)
            if not shown:
                return
            os.write(screen, shown)
        if keys in ready:
            typed = os.read(keys, 1 << 12)
            if not typed:
                raise ColdforgeError("the terminal is gone")
            wire.sendall(typed)
