"""Exchange lines with a running container, each with a deadline."""

import socket
import struct
import time
from contextlib import suppress
from typing import Any

LINE = 4096  # bytes of output that are looked at
HEADER = struct.Struct(">4xL")
"""Before each piece of output: a byte for the stream, three of nothing, four of length."""


class ContainerLostError(Exception):
    """The container ended before it answered."""


class AttachedStream:
    """A container's stdin and stdout, over Docker's connection."""

    def __init__(self, wire: Any) -> None:  # noqa: ANN401 - untyped SDK
        """Take what the SDK gives for an attached container: a socket, or what wraps one."""
        self._wire = wire
        self._socket: socket.socket = getattr(wire, "_sock", wire)
        self._raw = b""
        self._text = b""

    def close(self) -> None:
        """Close the response and the socket, which the SDK leaves open."""
        for layer in (getattr(self._wire, "_response", None), self._wire, self._socket):
            with suppress(OSError):
                if layer:
                    layer.close()

    def send(self, message: bytes, deadline: float) -> None:
        """Write to stdin; give up at `deadline` if the container does not read."""
        self._patience(deadline)
        with suppress(OSError):  # it ended, or will not have answered by then
            self._socket.sendall(message)

    def line(self, deadline: float) -> bytes | None:
        """Read a line of stdout; None if it is not there by `deadline` (monotonic seconds).

        LINE bytes without a newline are a line too. Raise ContainerLostError at the end.
        """
        while b"\n" not in self._text and len(self._text) < LINE:
            self._patience(deadline)
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                return None
            except OSError as error:
                raise ContainerLostError from error
            if not data:
                raise ContainerLostError
            self._take(data)
        line, _, self._text = self._text.partition(b"\n")
        return line

    def _take(self, data: bytes) -> None:
        """Unpack Docker's frames."""
        self._raw += data
        while len(self._raw) >= HEADER.size:
            length = HEADER.unpack_from(self._raw)[0]
            end = HEADER.size + length
            if len(self._raw) < end:
                return
            self._text += self._raw[HEADER.size : end]
            self._raw = self._raw[end:]

    def _patience(self, deadline: float) -> None:
        self._socket.settimeout(max(0.001, deadline - time.monotonic()))
