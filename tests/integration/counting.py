"""A TCP proxy on loopback that counts the bytes sent to a server."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


class Counter:
    """Forwards connections; calls `on_count` with the count so far after each chunk."""

    def __init__(self, to: str) -> None:
        host, _, port = to.partition(":")
        self._to = (host, int(port))
        self.count = 0
        self.on_count: Callable[[int], None] = lambda _: None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._to)
            except OSError:
                return
            for pair in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._forward, args=pair, daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if counted:
                    self.count += len(data)
                    self.on_count(self.count)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextlib.contextmanager
def counting(to: str) -> Iterator[Counter]:
    """Count the bytes sent to a `host:port`."""
    counter = Counter(to)
    try:
        yield counter
    finally:
        counter.close()
