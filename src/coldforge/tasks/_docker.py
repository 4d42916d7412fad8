"""The engine as tasks take it: connected once, when first needed, and closed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

YES = "Install and start a Docker Engine without asking."


@contextmanager
def engine(yes: bool) -> Iterator[Callable[[], "docker.DockerClient"]]:
    """Yield what connects to the user's engine, bringing one up where none answers."""
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
