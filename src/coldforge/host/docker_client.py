"""Connect to Docker as its own tools do; install and start it where none answers."""

import os
import re
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.host import daemon
from coldforge.host.endpoint import (
    ANSWER_SECONDS,
    DockerAbsentError,
    DockerEndpoint,
    check_socket,
    find_endpoint,
)
from coldforge.host.ssh import Tunnel

if TYPE_CHECKING:
    import docker

OLDEST_API = (1, 41)  # Engine 20.10
SILENCE_SECONDS = 3600  # seconds it may be silent afterwards: loading gigabytes takes a while


@dataclass(frozen=True)
class DockerFacts:
    """Facts that a Docker Engine reports."""

    version: str
    api_version: str
    driver: str
    containerd_store: bool
    """Images lie in containerd's store (the default from 29 on), not in a graph driver's."""
    root: str
    """Data folder, on Docker's machine."""
    platform: str


def ensure_docker(yes: bool = False) -> "docker.DockerClient":
    """Return a client of a Docker Engine; as root, install and start Debian's where none answers.

    `yes` gives permission ahead. The caller closes the client. Raise ColdforgeError.
    """
    try:
        return connect()
    except DockerAbsentError as absent:
        if find_endpoint().chosen:
            raise
        daemon.bring_up(absent, yes)
    return connect()


def connect(url: str = "") -> "docker.DockerClient":
    """Return a client of Docker at `url`, else of the user's.

    Raise DockerAbsentError, UnreachableError or ColdforgeError.
    """
    import docker.errors
    import requests.exceptions

    endpoint = DockerEndpoint(url, chosen=True) if url else find_endpoint()
    check_socket(endpoint.url)
    tunnel = Tunnel(endpoint.url) if endpoint.url.startswith("ssh://") else None
    try:
        client = _open(endpoint, tunnel, bool(url or os.environ.get("DOCKER_HOST")))
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        trouble = tunnel.trouble(endpoint.url) if tunnel else None
        if tunnel:
            tunnel.close()
        raise trouble or UnreachableError(
            f"the Docker Engine at {endpoint.url} does not answer: {cause(str(error))}",
            "check DOCKER_HOST and `docker context show`, and that Docker runs",
        ) from error
    if tunnel:
        weakref.finalize(client, tunnel.close)
    client.api.timeout = SILENCE_SECONDS
    try:
        check_api(client.api.api_version)
    except ColdforgeError:
        client.close()
        raise
    return client


def _open(
    endpoint: DockerEndpoint, tunnel: Tunnel | None, by_environment: bool
) -> "docker.DockerClient":
    """Connect, with the TLS settings of the environment or of the context."""
    import docker

    if tunnel:
        return docker.DockerClient(tunnel.url, timeout=ANSWER_SECONDS)
    if by_environment:
        environment = dict(os.environ) | {"DOCKER_HOST": endpoint.url}
        return docker.DockerClient.from_env(timeout=ANSWER_SECONDS, environment=environment)
    return docker.DockerClient(endpoint.url, timeout=ANSWER_SECONDS, tls=endpoint.tls or False)


def cause(text: str) -> str:
    """Find the system's own message in an error that wraps others."""
    match = re.search(r"\[Errno \d+\] ([^\"')]+)", text)
    return match[1] if match else text


def check_api(version: str) -> None:
    """Raise ColdforgeError when Docker's API is older than Engine 20.10's."""
    if tuple(int(part) for part in version.split(".")) < OLDEST_API:
        message = f"this Docker Engine is too old: it speaks API {version}, 1.41 is needed"
        raise ColdforgeError(message, "install Docker Engine 20.10 or newer")


def docker_facts(client: "docker.DockerClient") -> DockerFacts:
    """Ask a Docker Engine for its version, storage and place."""
    version, info = client.version(), client.info()
    status = dict(pair[:2] for pair in info.get("DriverStatus") or [])
    return DockerFacts(
        version=version["Version"],
        api_version=version["ApiVersion"],
        driver=info["Driver"],
        containerd_store="containerd" in status.get("driver-type", ""),
        root=info["DockerRootDir"],
        platform=f"{info['OSType']}/{info['Architecture']}",
    )
