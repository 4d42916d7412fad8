"""Run untrusted programs, each in a container of its own.

A program has no network, a read-only root, no capabilities, no new privileges, user nobody, and
limits on memory (swap included), processes, cores, disk and time. Its output is not stored. If this
process is killed, Docker closes the container's stdin, which ends the program, and removes the
container.
"""

import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coldforge.errors import ColdforgeError
from coldforge.image.containers import sandbox_program
from coldforge.image.containers.attached_stream import AttachedStream, ContainerLostError
from coldforge.image.containers.parallelism import GIB, capacity, jobs
from coldforge.image.containers.step import STEP_LABEL, docker_errors

if TYPE_CHECKING:
    import docker
    from docker.models.containers import Container

NAME = "sandbox"
NOBODY = "65534:65534"
STARTING = 120.0  # seconds a container may take until it is ready for its program
STALE = "10m"  # a container made so long ago and never started was left by someone killed
MOST = 16  # programs at once
WORDS = 200  # bytes of it that are shown


@dataclass(frozen=True)
class SandboxLimits:
    """What a program may use."""

    seconds: float = 3.0
    """From when it is sent until its check has returned; the container's start is not counted."""
    memory: int = 512 << 20
    """Bytes, its files included."""
    processes: int = 64
    disk: int = 16 << 20
    """Bytes of /tmp, the one place it can write."""


@dataclass(frozen=True)
class SandboxVerdict:
    """Whether a program ran to its end, why not ('' if it did), and in how many seconds."""

    passed: bool
    why: str
    seconds: float


def run_programs(
    client: "docker.DockerClient",
    image: str,
    programs: Mapping[str, str],
    limits: SandboxLimits | None = None,
) -> Iterator[tuple[str, SandboxVerdict]]:
    """Run each program (by a name of the caller's) in `image`; yield verdicts as they come.

    As many run at once as there are cores, memory permitting; as many containers again are brought
    up meanwhile.
    A program passes if it runs to its end. Raise ColdforgeError if Docker fails.
    """
    reap(client)
    allowed = limits or SandboxLimits()
    with docker_errors("the sandbox"):
        cores, memory = capacity(client)
    most = jobs(min(MOST, cores), memory, allowed.memory / GIB)
    sandbox = Sandbox(client, image, allowed, threading.Semaphore(most))
    pool = ThreadPoolExecutor(2 * most, thread_name_prefix=NAME)
    try:
        asked = {pool.submit(sandbox.run, text): name for name, text in programs.items()}
        for future in as_completed(asked):
            yield asked[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def reap(client: "docker.DockerClient") -> None:
    """Remove containers that a killed run created and never started."""
    with docker_errors("clearing up"):
        client.containers.prune(filters={"label": f"{STEP_LABEL}={NAME}", "until": STALE})


@dataclass(frozen=True)
class Sandbox:
    """Where programs run: a Docker Engine, an image, the limits, and how many may run at once."""

    client: "docker.DockerClient"
    image: str
    limits: SandboxLimits
    running: threading.Semaphore

    def run(self, program: str) -> SandboxVerdict:
        """Run one program in a fresh container; a container lost once is tried again."""
        try:
            return self._run_once(program)
        except ContainerLostError:
            with suppress(ContainerLostError):
                return self._run_once(program)
        return SandboxVerdict(False, "its container ended without a verdict", 0.0)

    def _run_once(self, program: str) -> SandboxVerdict:
        text = program.encode("utf-8", "replace")
        token = secrets.token_hex(sandbox_program.TOKEN // 2).encode()
        message = b"%d\n%s%s" % (len(text), text, token)
        with (
            docker_errors("the sandbox"),
            self._container() as container,
            _attached(container) as wire,
        ):
            container.start()
            if wire.line(time.monotonic() + STARTING) != sandbox_program.READY:
                raise ColdforgeError("the sandbox did not start", "does the image have python3?")
            with self.running:
                started = time.monotonic()
                deadline = started + self.limits.seconds
                wire.send(message, deadline)
                said = wire.line(deadline)
                seconds = round(time.monotonic() - started, 3)
        if said is None:
            return SandboxVerdict(False, f"timed out after {self.limits.seconds:g} s", seconds)
        passed = secrets.compare_digest(said, token)
        return SandboxVerdict(passed, "" if passed else shown(said), seconds)

    @contextmanager
    def _container(self) -> Iterator["Container"]:
        import docker.errors

        command = ["python3", "-I", "-c", Path(sandbox_program.__file__).read_text("utf-8")]
        container = self.client.containers.create(self.image, command, **options(self.limits))
        try:
            yield container
        finally:
            # It may be gone already, or going.
            with suppress(docker.errors.NotFound, docker.errors.APIError):
                container.remove(force=True, v=True)


def shown(said: bytes) -> str:
    """Make a program's output safe to print: short, without terminal control characters."""
    text = said[:WORDS].decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _attached(container: "Container") -> Any:  # noqa: ANN401 - a context manager of Wire
    streams = {"stdin": 1, "stdout": 1, "stream": 1}
    return closing(AttachedStream(container.attach_socket(params=streams)))


def options(limits: SandboxLimits) -> dict[str, Any]:
    """Write the limits as options of the Docker SDK."""
    from docker.types import LogConfig, Ulimit

    return {
        "network_mode": "none",
        "ipc_mode": "none",  # no /dev/shm: memory that no limit on disk sees
        "hostname": NAME,
        "user": NOBODY,
        "working_dir": "/tmp",  # noqa: S108 - the container's own
        "read_only": True,
        "tmpfs": {"/tmp": f"size={limits.disk},nr_inodes=4096,mode=1777,noexec,nosuid,nodev"},  # noqa: S108
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "pids_limit": limits.processes,
        "nano_cpus": 1_000_000_000,
        "ulimits": [Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=256, hard=256)],
        "log_config": LogConfig(type="none"),  # else its output grows on the host's disk
        "labels": {STEP_LABEL: NAME},
        "stdin_open": True,
        "auto_remove": True,
    }
