"""Run one step in a container without network, with only the capabilities that it names."""

import contextlib
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coldforge.errors import ColdforgeError, UnreachableError
from coldforge.image.containers.docker_engine import archive_of, shown_mode
from coldforge.progress import say

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

INPUTS = "/coldforge/in"
STEP_LABEL = "coldforge.step"
TAIL = 15  # lines of log shown when a step fails


@dataclass(frozen=True)
class ContainerStep:
    """A command in an image, its inputs (name below /coldforge/in -> host file), and its limits."""

    name: str
    image: str
    command: list[str]
    inputs: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    user: str = "0:0"
    read_only: bool = False
    quiet: bool = True
    volumes: Mapping[str, str] = field(default_factory=dict)
    """Docker volumes that outlive the step, created on demand: name -> mount point."""


@contextmanager
def finished(
    client: "docker.DockerClient", step: ContainerStep, log: Path
) -> Iterator["Container"]:
    """Run `step` to its end and yield the stopped container, then remove it.

    The log is kept. Raise ColdforgeError with its last lines if the step fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with docker_errors(step.name), _delivered(client, step, log.parent) as inputs:
        mounts = [*inputs, *_kept(step)]
        container = client.containers.create(
            step.image, step.command, mounts=mounts, **_limits(step)
        )
        try:
            _follow(container, step, log)
            yield container
        finally:
            container.remove(force=True, v=True)


@contextmanager
def docker_errors(what: str) -> Iterator[None]:
    """Turn Docker's errors and lost connections into ColdforgeErrors about `what`."""
    # Which exceptions to catch is asked only when one is raised: a build with nothing to do
    # never imports the SDK.
    try:
        yield
    except _refusal() as error:
        said = getattr(error, "explanation", None) or error
        raise ColdforgeError(f"{what}: Docker reports: {said}") from error
    except _silence() as error:
        raise UnreachableError(
            f"Docker stopped answering during {what}",
            "start it again; the same command continues",
        ) from error


def _refusal() -> type[Exception]:
    import docker.errors

    refusal: type[Exception] = docker.errors.APIError
    return refusal


def _silence() -> tuple[type[Exception], ...]:
    import docker.errors
    import requests.exceptions
    import urllib3.exceptions

    return (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,
    )


def _limits(step: ContainerStep) -> dict[str, Any]:
    return {
        "network_mode": "none",
        "hostname": "coldforge",
        "working_dir": "/",  # else Docker makes the image's own and it lands in the layer
        "user": step.user,
        "cap_drop": ["ALL"],
        "cap_add": step.capabilities,
        "security_opt": ["no-new-privileges"],
        "environment": dict(step.env),
        "labels": {STEP_LABEL: step.name},
        "read_only": step.read_only,
        "tmpfs": {"/tmp": "mode=1777,exec"},  # noqa: S108 - the container's own
        "pids_limit": 4096,
        "init": False,
    }


def _follow(container: "Container", step: ContainerStep, log: Path) -> None:
    """Start the container and write its output to `log`; raise ColdforgeError if it fails."""
    # Attached before the start: following Docker's own log loses the last lines of a quick step.
    with log.open("wb") as kept, closing_stream(container.attach(stream=True, demux=True)) as said:
        container.start()
        for raw in _lines(said):
            kept.write(raw + b"\n")
            if not step.quiet:
                say(raw.decode("utf-8", "replace"))
    status = container.wait()["StatusCode"]
    if status:
        lines = log.read_text("utf-8", "replace").splitlines()[-TAIL:]
        for line in lines:
            say(f"  | {line}")
        raise ColdforgeError(f"{step.name} failed with status {status}", f"the whole log: {log}")


@contextmanager
def closing_stream(stream: Any) -> Iterator[Any]:  # noqa: ANN401 - untyped SDK
    """Yield a container's output stream; close its connection, which the SDK leaves open."""
    import docker.errors

    try:
        yield stream
    finally:
        with contextlib.suppress(OSError, docker.errors.DockerException):
            stream.close()
            stream._response.close()


def _lines(pairs: Iterable[tuple[bytes | None, bytes | None]]) -> Iterator[bytes]:
    """Split both streams into complete lines; the last one may lack its newline."""
    rests = [b"", b""]
    for pair in pairs:
        for stream, chunk in enumerate(pair):
            *whole, rests[stream] = (rests[stream] + (chunk or b"")).split(b"\n")
            yield from whole
    yield from filter(None, rests)


@contextmanager
def _delivered(
    client: "docker.DockerClient", step: ContainerStep, scratch: Path
) -> Iterator[list[Any]]:
    """Yield the mounts that show the inputs read-only: a bind where Docker sees our files."""
    if not step.inputs:
        yield []
        return
    with tempfile.TemporaryDirectory(dir=scratch, prefix="step-") as folder:
        stage = Path(folder)
        for name, source in step.inputs.items():
            _link(source, stage / name)
        for below in (stage, *(path for path in stage.rglob("*") if path.is_dir())):
            below.chmod(0o755)
        if shares_files(client, step.image, stage):
            yield [bind(INPUTS, stage)]
        else:
            with _volume(client, step) as mount:
                yield [mount]


def _kept(step: ContainerStep) -> list[Any]:
    from docker.types import Mount

    return [Mount(place, name, type="volume") for name, place in step.volumes.items()]


def _link(source: Path, place: Path) -> None:
    """Link or copy `source` to `place`, with mode 0755 or 0644 whatever the umask is."""
    place.parent.mkdir(parents=True, exist_ok=True)
    mode = shown_mode(source)
    try:
        if stat.S_IMODE(source.stat().st_mode) != mode:
            raise PermissionError  # as it is, its mode could reach the layer
        place.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, place)
        place.chmod(mode)


def bind(target: str, source: Path, writable: bool = False) -> Any:  # noqa: ANN401 - untyped SDK
    """Show a host path at `target`."""
    from docker.types import Mount

    return Mount(target, str(source.resolve()), type="bind", read_only=not writable)


@contextmanager
def _volume(client: "docker.DockerClient", step: ContainerStep) -> Iterator[Any]:
    """Fill a volume with the inputs through Docker's API, for a Docker Engine on another host."""
    from docker.types import Mount

    volume = client.volumes.create(labels={STEP_LABEL: step.name})
    try:
        mount = Mount(INPUTS, volume.name, type="volume")
        filler = client.containers.create(step.image, ["true"], mounts=[mount], network_mode="none")
        try:
            filler.put_archive(INPUTS, archive_of(dict(step.inputs)))
        finally:
            filler.remove(force=True)
        yield Mount(INPUTS, volume.name, type="volume", read_only=True)
    finally:
        volume.remove(force=True)


def shares_files(client: "docker.DockerClient", image: str, folder: Path) -> bool:
    """Tell whether Docker sees this host's `folder` at its own path."""
    import docker.errors

    try:
        mounts = [bind("/coldforge/probe", folder)]
        client.containers.create(image, ["true"], mounts=mounts).remove(force=True)
    except docker.errors.ImageNotFound:
        raise
    except docker.errors.APIError:
        return False
    return True
