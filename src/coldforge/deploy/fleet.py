"""Install on many engines, a few at a time; what fails on one does not stop the others."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from coldforge.deploy.install import Installed
from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.image.containers.step import docker_errors
from coldforge.progress import say

if TYPE_CHECKING:
    import docker

TOGETHER = 4  # hosts at a time
PAUSES = (1.0, 4.0)  # seconds before the second and the third attempt
Connect = Callable[[str], "docker.DockerClient"]
Act = Callable[["docker.DockerClient"], Installed]


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How it went on one host."""

    host: str
    state: str
    """installed, already or failed."""
    generation: int = 0
    removed: list[int] = []
    why: str = ""
    hint: str = ""


def roll_out(hosts: list[str], connect: Connect, act: Act) -> list[Outcome]:
    """Do `act` on each host; where none answers, or one stops, try twice more."""

    def visit(host: str) -> Outcome:
        outcome = _patiently(host, connect, act)
        say(f"  {outcome.host}: {outcome.why or outcome.state}")
        return outcome

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(visit, hosts))


def _patiently(host: str, connect: Connect, act: Act) -> Outcome:
    for pause in (*PAUSES, None):
        try:
            return _once(host, connect, act)
        except UnreachableError as error:
            if pause is None:
                return _failed(host, error)
            time.sleep(pause)
        except ColdforgeError as error:
            return _failed(host, error)
    raise AssertionError


def _failed(host: str, error: ColdforgeError) -> Outcome:
    return Outcome(host, "failed", why=error.message.removeprefix(f"{host}: "), hint=error.hint)


def _once(host: str, connect: Connect, act: Act) -> Outcome:
    client = connect(host)
    try:
        with docker_errors("the install"):
            done = act(client)
    finally:
        client.close()
    state = "installed" if done.new else "already"
    return Outcome(host, state, done.generation, done.removed)
