"""An engine of another machine, reached by the user's own ssh client as Docker's tools reach it.

Each connection is one `ssh HOST docker system dial-stdio`. The SDK's own way needs a second SSH
implementation, and cannot say what ssh said.
"""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

from coldforge.errors import ColdforgeError, UnreachableError

# Never ask: several hosts at once cannot share one terminal.
OPTIONS = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15", "-o", "ServerAliveInterval=30"]
CLOSE_SECONDS = 5.0  # seconds ssh may take to end once its connection is closed
SSH_FAILED = 255  # ssh's own exit status, not the remote command's
LASTING = {
    "Permission denied": "put your key into ssh-agent, or name it in ~/.ssh/config",
    "Host key verification failed": "log in by hand once and compare its key",
    "HOST IDENTIFICATION HAS CHANGED": "find out why, before anything else",
}


class Tunnel:
    """A socket here that leads to Docker there, until it is closed."""

    def __init__(self, url: str) -> None:
        """Listen for `ssh://[user@]host[:port]`; raise ColdforgeError if that cannot be."""
        self._folder = tempfile.TemporaryDirectory(
            prefix="coldforge-ssh-", ignore_cleanup_errors=True
        )
        # The SDK opens a connection for nearly every request: one login for all of them.
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={self._folder.name}/shared"]
        program, *words = ssh_command(url)
        self._command = [program, *shared, *words]
        self.path = Path(self._folder.name) / "engine.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._lock = threading.Lock()
        self._running: list[subprocess.Popen[bytes]] = []
        self._ends: list[threading.Thread] = []
        self._said: tuple[int, str] = (0, "")
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        """Spell the socket as DOCKER_HOST does."""
        return f"unix://{self.path}"

    def trouble(self, url: str) -> ColdforgeError | None:
        """Return the error of the connections that failed; None if ssh and Docker report none."""
        with self._lock:
            ends = list(self._ends)
        for end in ends:
            end.join(CLOSE_SECONDS)
        code, words = self._said
        if not code:
            return None
        message = f"{url}: {words or f'ssh ended with status {code}'}"
        for sign, hint in LASTING.items():
            if sign in words:
                return ColdforgeError(message, hint)
        if code == SSH_FAILED:
            return UnreachableError(message, "try it by hand: ssh, with the same user and host")
        return ColdforgeError(message, "on that host, `docker version` must work for this user")

    def close(self) -> None:
        """End the listener and every connection; wait for none, as any thread may call this."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for process in self._running:
            process.terminate()
        self._folder.cleanup()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # Whoever sees a connection end, and asks why, finds it listed here.
            with connection, self._lock:
                wire = connection.fileno()
                process = subprocess.Popen(
                    self._command, stdin=wire, stdout=wire, stderr=subprocess.PIPE
                )
                self._running.append(process)
                end = threading.Thread(target=self._listen, args=(process,), daemon=True)
                end.start()
                self._ends.append(end)

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        """Wait for a connection's end; keep the last line of its stderr."""
        _, complaint = process.communicate()
        lines = complaint.decode("utf-8", "replace").split("\n")
        words = [line.strip() for line in lines if line.strip()]
        if process.returncode > 0:
            self._said = (process.returncode, words[-1] if words else "")


def ssh_command(url: str) -> list[str]:
    """Make the command line for Docker's URL; raise ColdforgeError."""
    parts = urlsplit(url)
    try:
        host, user, port = parts.hostname or "", parts.username or "", parts.port
    except ValueError:
        host, user, port = "", "", None
    if not host or parts.password or parts.path.strip("/") or host[0] == "-" or user[:1] == "-":
        raise ColdforgeError(
            f"'{url}' is not an ssh address of a Docker Engine", "write ssh://USER@HOST[:PORT]"
        )
    program = shutil.which("ssh")
    if not program:
        raise ColdforgeError("ssh is not installed", "install one: apt install openssh-client")
    who = ["-l", user] if user else []
    where = ["-p", str(port)] if port else []
    return [program, *OPTIONS, *who, *where, "--", host, "docker system dial-stdio"]
