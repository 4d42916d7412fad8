"""Install on many engines, a few at a time; what fails on one does not stop the others."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from coldforge.deploy.install import Installed
from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.image.containers.step import docker_errors
from coldforge.mirror.http.retry import TransientError, retrying
from coldforge.progress import say

if TYPE_CHECKING:
    import docker

TOGETHER = 4  # hosts at a time
Connect = Callable[[str], "docker.DockerClient"]
Act = Callable[["docker.DockerClient"], Installed]


class HostOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How it went on one host."""

    host: str
    state: str
    """installed, already or failed."""
    generation: int = 0
    removed: list[int] = []
    why: str = ""
    hint: str = ""


def install_on_all(hosts: list[str], connect: Connect, act: Act) -> list[HostOutcome]:
    """Do `act` on each host; try again where it does not answer or stops."""

    def visit(host: str) -> HostOutcome:
        outcome = _attempted(host, connect, act)
        say(f"  {outcome.host}: {outcome.why or outcome.state}")
        return outcome

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(visit, hosts))


def _attempted(host: str, connect: Connect, act: Act) -> HostOutcome:
    def attempt() -> HostOutcome:
        try:
            return _once(host, connect, act)
        except UnreachableError as error:
            raise TransientError(error.message) from error
        except ColdforgeError as error:
            return _failed(host, error)

    try:
        return retrying(attempt)
    except TransientError as error:
        return _failed(host, cast("UnreachableError", error.__cause__))


def _failed(host: str, error: ColdforgeError) -> HostOutcome:
    return HostOutcome(host, "failed", why=error.message.removeprefix(f"{host}: "), hint=error.hint)


def _once(host: str, connect: Connect, act: Act) -> HostOutcome:
    client = connect(host)
    try:
        with docker_errors("the install"):
            done = act(client)
    finally:
        client.close()
    state = "installed" if done.new else "already"
    return HostOutcome(host, state, done.generation, done.removed)


SHAPES = {
    "ssh": re.compile(
        r"ssh://([A-Za-z0-9_][\w.-]*@)?([A-Za-z0-9_][\w.-]*|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?/?",
        re.ASCII,
    ),
    "tcp": re.compile(r"tcp://([A-Za-z0-9_][\w.-]*|\[[0-9a-fA-F:]+\]):[0-9]{1,5}/?", re.ASCII),
    "unix": re.compile(r"unix:///[^\s\x00]+"),
}
HINT = "write ssh://USER@HOST[:PORT], unix:///PATH or tcp://HOST:PORT, one a line; # begins a note"


def read_hosts(path: Path) -> list[str]:
    """Read a list of engines; each counts once. Raise ColdforgeError naming a line that is none."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ColdforgeError(f"{path} cannot be read: {why}", HINT) from error
    hosts = parse_hosts(text, str(path))
    if not hosts:
        raise ColdforgeError(f"{path} lists no host", HINT)
    return hosts


def parse_hosts(text: str, what: str) -> list[str]:
    """Read the lines of a list called `what`."""
    hosts = []
    for number, line in enumerate(text.splitlines(), 1):
        host = re.sub(r"(^|\s)#.*", "", line).strip()
        if not host:
            continue
        shape = SHAPES.get(host.partition("://")[0])
        if shape is None or not shape.fullmatch(host):
            raise ColdforgeError(f"{what}, line {number}: '{host}' is not an engine address", HINT)
        hosts.append(host.rstrip("/") if not host.startswith("unix:") else host)
    return list(dict.fromkeys(hosts))
