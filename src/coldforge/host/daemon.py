"""Install Debian's Docker Engine and start it: by the service manager, else the daemon itself."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.host.endpoint import DEFAULT_SOCKET, DockerAbsentError, check_socket
from coldforge.progress import say, step

YES = "COLDFORGE_YES"


def permission(yes: bool, environ: Mapping[str, str], terminal: bool) -> bool | None:
    """Tell whether permission is given (True) or cannot be asked for (False); None: ask.

    `yes` is the task's --yes. CI counts as one too: its machines are made to be used up.
    """
    if yes or environ.get(YES) == "1" or environ.get("CI"):
        return True
    return None if terminal else False


def confirm(question: str, yes: bool) -> bool:
    """Get permission: given ahead, or by a question on the terminal; without one, no."""
    answer = permission(yes, os.environ, at_terminal())
    if answer is not None:
        return answer
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def at_terminal() -> bool:
    """Tell whether somebody can answer."""
    return sys.stdin is not None and sys.stdin.isatty()


PIDFILE = Path("/var/run/docker.pid")
LOG = Path("/var/log/coldforge-dockerd.log")
PATIENCE = 60  # seconds a daemon may take to answer
QUIET_APT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


def possible() -> bool:
    """Tell whether this user on this machine could bring a Docker Engine up."""
    return os.geteuid() == 0 and any(map(shutil.which, ("dockerd", "apt-get")))


def bring_up(absent: DockerAbsentError, yes: bool) -> None:
    """Make a Docker Engine answer at the default socket; raise ColdforgeError.

    On a terminal it asks first. Elsewhere installing needs permission given ahead; a Docker Engine
    that is installed is started as it is, since that is what was asked for.
    """
    installed = shutil.which("dockerd") is not None
    if os.geteuid() != 0:
        raise absent
    if not installed and shutil.which("apt-get") is None:
        raise ColdforgeError(absent.message, "install Docker Engine 20.10 or newer and start it")
    verb = "Start it?" if installed else "Install Debian's docker.io and start it?"
    if not confirm(f"No Docker Engine answers. {verb}", yes) and not (
        installed and not at_terminal()
    ):
        act = "start it" if installed else "install docker.io"
        hint = f"{act}, or let this command do so: --yes or COLDFORGE_YES=1"
        raise ColdforgeError(absent.message, hint)
    if not installed:
        install()
    start()


def install() -> None:
    """Install docker.io with what it recommends: AppArmor's parser and cgroup mounts matter."""
    with step("Installing docker.io with apt (about 30 s)"):
        for words in (["update"], ["install", "docker.io"]):
            command = ["apt-get", "-y", "-q", *words]
            result = subprocess.run(
                command,
                env=os.environ | QUIET_APT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                check=False,
            )
            if result.returncode:
                last = last_line(result.stdout)
                raise ColdforgeError(f"apt-get {words[0]} failed: {last}", "repair apt, then rerun")


def start() -> None:
    """Start Docker and wait until it answers."""
    with step("Starting the Docker Engine", PATIENCE, "s") as current:
        for command in managers():
            result = subprocess.run(command, capture_output=True, check=False)
            if result.returncode == 0 and wait(current.advance, lambda: True):
                return
        drop_stale(PIDFILE)
        daemon = spawn()
        current.result = f"dockerd, pid {daemon.pid}, log {LOG}"
        if not wait(current.advance, lambda: daemon.poll() is None):
            last = last_line(LOG.read_text("utf-8", "replace"))
            raise ColdforgeError(f"dockerd does not start: {last}", f"the whole log: {LOG}")
        # It outlives us on purpose: say so, or Popen warns that it was forgotten.
        daemon.returncode = 0


def drop_stale(pidfile: Path, processes: Path = Path("/proc")) -> None:
    """Remove what a killed dockerd left: it refuses to start if any process now has that pid."""
    try:
        pid = int(pidfile.read_text("utf-8"))
        name = (processes / str(pid) / "comm").read_text("utf-8").strip()
    except (OSError, ValueError):
        name = ""
    if name != "dockerd":
        pidfile.unlink(missing_ok=True)


def managers(root: Path = Path("/")) -> Iterator[list[str]]:
    """List the service managers to try, by what runs or lies on this machine."""
    if (root / "run/systemd/system").is_dir():
        yield ["systemctl", "start", "docker"]
    elif (root / "etc/init.d/docker").exists():
        yield ["service", "docker", "start"]


def spawn() -> "subprocess.Popen[bytes]":
    """Run dockerd in a session of its own, so that it lives on."""
    say("  no service manager starts it; running dockerd itself")
    with LOG.open("wb") as log:
        return subprocess.Popen(
            ["dockerd"],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait(advance: Callable[[float], None], alive: Callable[[], bool]) -> bool:
    """Wait until it answers; False if it died or `PATIENCE` seconds passed."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and alive():
        try:
            check_socket(DEFAULT_SOCKET)
        except DockerAbsentError:
            time.sleep(0.5)
            advance(0.5)
        else:
            return True
    return False


def last_line(text: str) -> str:
    """Return the last line that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it printed nothing"
