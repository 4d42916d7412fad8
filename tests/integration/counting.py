"""A way to a server on loopback that counts the bytes that go there."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


class Counter:
    """Passes connections on; `seen` is called with the count so far after each part of one."""

    def __init__(self, to: str) -> None:
        host, _, port = to.partition(":")
        self._to = (host, int(port))
        self.count = 0
        self.seen: Callable[[int], None] = lambda _: None
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
                near, _ = self._listener.accept()
                far = socket.create_connection(self._to)
            except OSError:
                return
            for pair in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass, args=pair, daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if counted:
                    self.count += len(data)
                    self.seen(self.count)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextlib.contextmanager
def counting(to: str) -> Iterator[Counter]:
    """Count what goes to a `host:port`."""
    counter = Counter(to)
    try:
        yield counter
    finally:
        counter.close()
