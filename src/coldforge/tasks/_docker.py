"""The connection of a task to Docker Engine: opened when first needed, closed at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

YES = "Install and start a Docker Engine without asking."


@contextmanager
def docker_engine(yes: bool) -> Iterator[Callable[[], "docker.DockerClient"]]:
    """Yield a function that connects to the user's Docker Engine, started if it is not running."""
    from coldforge.host.docker_client import ensure_docker

    opened: list[docker.DockerClient] = []

    @cache
    def connect() -> "docker.DockerClient":
        opened.append(ensure_docker(yes))
        return opened[0]

    try:
        yield connect
    finally:
        for client in opened:
            client.close()
