"""Find a Docker Engine the way Docker's own tools do, and bring one up where none answers."""

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coldforge.errors import ColdforgeError
from coldforge.host import daemon
from coldforge.host.endpoint import GREETING, EngineAbsentError, find_endpoint, reach

if TYPE_CHECKING:
    import docker

OLDEST_API = (1, 41)  # Engine 20.10
LONG = 3600  # seconds it may be silent afterwards: loading gigabytes takes a while


@dataclass(frozen=True)
class EngineFacts:
    """What an engine says of itself."""

    version: str
    api_version: str
    driver: str
    containerd_store: bool
    """Images lie in containerd's store (the default from 29 on), not in a graph driver's."""
    root: str
    """Data folder, on the engine's machine."""
    platform: str


def ensure_engine(yes: bool = False) -> "docker.DockerClient":
    """Return a client of an engine; as root, install and start Debian's where none answers.

    `yes` gives permission ahead. The caller closes the client. Raise ColdforgeError.
    """
    try:
        return connect()
    except EngineAbsentError as absent:
        if find_endpoint().chosen:
            raise
        daemon.bring_up(absent, yes)
    return connect()


def connect() -> "docker.DockerClient":
    """Return a client of the user's engine; raise EngineAbsentError or ColdforgeError."""
    import docker
    import docker.errors
    import requests.exceptions

    endpoint = find_endpoint()
    reach(endpoint.url)
    try:
        if os.environ.get("DOCKER_HOST"):
            client = docker.DockerClient.from_env(timeout=GREETING, use_ssh_client=True)
        else:
            client = docker.DockerClient(
                endpoint.url, timeout=GREETING, tls=endpoint.tls or False, use_ssh_client=True
            )
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise ColdforgeError(
            f"the Docker Engine at {endpoint.url} gives no answer: {cause(str(error))}",
            "check DOCKER_HOST and `docker context show`, and that the engine runs",
        ) from error
    client.api.timeout = LONG
    try:
        check_api(client.api.api_version)
    except ColdforgeError:
        client.close()
        raise
    return client


def cause(text: str) -> str:
    """Dig the system's own words out of an error that wraps others."""
    match = re.search(r"\[Errno \d+\] ([^\"')]+)", text)
    return match[1] if match else text


def check_api(version: str) -> None:
    """Raise ColdforgeError when an engine's API is older than Engine 20.10's."""
    if tuple(int(part) for part in version.split(".")) < OLDEST_API:
        message = f"this Docker Engine is too old: it speaks API {version}, 1.41 is needed"
        raise ColdforgeError(message, "install Docker Engine 20.10 or newer")


def engine_facts(client: "docker.DockerClient") -> EngineFacts:
    """Ask an engine for its version, storage and place."""
    version, info = client.version(), client.info()
    status = dict(pair[:2] for pair in info.get("DriverStatus") or [])
    return EngineFacts(
        version=version["Version"],
        api_version=version["ApiVersion"],
        driver=info["Driver"],
        containerd_store="containerd" in status.get("driver-type", ""),
        root=info["DockerRootDir"],
        platform=f"{info['OSType']}/{info['Architecture']}",
    )
