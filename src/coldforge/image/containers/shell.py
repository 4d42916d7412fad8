"""A shell in a built image, on the user's terminal."""

import fcntl
import os
import select
import shutil
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from coldforge.errors import ColdforgeError
from coldforge.image.containers.docker_engine import image_name
from coldforge.image.containers.launch import Launch, created

if TYPE_CHECKING:
    import docker


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
