"""Collect the facts that the doctor checks; changes nothing."""

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.host import daemon
from coldforge.host.docker_client import DockerFacts, connect, docker_facts
from coldforge.host.endpoint import find_endpoint
from coldforge.mirror.settings import apt
from coldforge.mirror.status import needs_fetch
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, chain, read_lock
from coldforge.stack.stack import Stack, read_stack

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
COMMAND_SECONDS = 60


@dataclass(frozen=True)
class Nvidia:
    """Versions and places of NVIDIA's software; empty text: not there."""

    driver: str
    nvcc: str
    cudnn: str


@dataclass(frozen=True)
class Facts:
    """The host as found. Sizes in bytes, times in seconds since 1970; empty text: not there."""

    system: str
    family: str
    machine: str
    cores: int
    memory: int
    disks: dict[str, int]
    """Free bytes by what lies there."""
    python: tuple[int, int, int]
    pip: str
    carried: bool
    """The Python came in a bundle: it needs no pip, and there is no index."""
    index: str
    """What pip reported about its index: `ok`, an error, or empty when it was not asked."""
    docker: DockerFacts | None
    docker_error: tuple[str, str]
    docker_installable: bool
    """None answers, but tasks that need one can install and start it."""
    archives: int
    gpgv: str
    keyring: bool
    forge: bool
    """A release's sources come from git."""
    git: str
    mirrored: bool
    """Every blob of its lock and its builder's is here, so nothing is left to fetch."""
    now: float
    newest: float
    """The latest date the stack's own inputs carry; the clock cannot be before it."""
    nvidia: Nvidia | None
    """None for a stack that needs no GPU."""


def gather(space: Workspace, name: str, online: bool) -> Facts:
    """Look at this host for stack `name`; `online` lets pip ask its index.

    Raise ColdforgeError for an unknown stack or a lock that cannot be read.
    """
    stack = read_stack(space, name)
    lock = read_lock(space.lock(name)) if space.lock(name).exists() else None
    docker, trouble = _docker()
    system, family = read_os_release(Path("/etc/os-release"))
    return Facts(
        system=system,
        family=family,
        machine=f"{platform.system()} {platform.machine()}",
        cores=len(os.sched_getaffinity(0)),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        disks=free_space(space.root, Path(docker.root) if docker else None),
        python=sys.version_info[:3],
        pip=_output_of([sys.executable, "-m", "pip", "--version"], r"pip (\S+)"),
        carried=(space.root / ".tool").exists(),
        index=_index() if online else "",
        docker=docker,
        docker_error=trouble,
        docker_installable=_docker_installable(docker),
        archives=_archives(),
        gpgv=shutil.which("gpgv") or "",
        keyring=KEYRING.exists(),
        forge=stack.profile is not None and bool(stack.profile.commit),
        git=shutil.which("git") or "",
        mirrored=_mirrored(space, name),
        now=time.time(),
        newest=newest(stack, lock),
        nvidia=_nvidia() if needs_gpu(stack) else None,
    )


def needs_gpu(stack: Stack) -> bool:
    """Tell whether what the stack holds runs on an NVIDIA card."""
    return any(layer.startswith("cuda") for layer in stack.file.layers)


def newest(stack: Stack, lock: Lock | None) -> float:
    """Find the latest date among the stack's epoch and the locked suites' releases."""
    dates = [float(stack.file.epoch)]
    for release in lock.releases if lock else []:
        try:
            dates.append(parsedate_to_datetime(release.date).timestamp())
        except ValueError:
            continue
    return max(dates)


def read_os_release(path: Path) -> tuple[str, str]:
    """Read a system's name and its families, e.g. (`Ubuntu 24.04`, `ubuntu debian`)."""
    try:
        pairs = re.findall(r'^(\w+)="?([^"\n]*)"?$', path.read_text("utf-8"), re.MULTILINE)
    except OSError:
        return platform.platform(), ""
    fields = dict(pairs)
    family = f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".strip()
    return fields.get("PRETTY_NAME") or platform.platform(), family


def free_space(checkout: Path, engine: Path | None) -> dict[str, int]:
    """Measure free bytes for checkout and engine; one entry where they share a disk."""
    places = {"checkout": checkout}
    if engine is not None and engine.exists():
        if engine.stat().st_dev == checkout.stat().st_dev:
            places = {"checkout and engine": checkout}
        else:
            places["engine"] = engine
    return {label: shutil.disk_usage(place).free for label, place in places.items()}


def find_cudnn(library_path: str) -> str:
    """Find libcudnn on LD_LIBRARY_PATH or in ld.so.cache."""
    for folder in filter(None, library_path.split(":")):
        for path in sorted(Path(folder).glob("libcudnn.so*")):
            return str(path)
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    return _output_of([ldconfig, "-p"], r"(\S*/libcudnn\.so\S*)$")


def _nvidia() -> Nvidia:
    return Nvidia(
        driver=_output_of(["nvidia-smi"], r"Driver Version: (\S+)"),
        nvcc=_output_of(["nvcc", "--version"], r"release (\S+?),"),
        cudnn=find_cudnn(os.environ.get("LD_LIBRARY_PATH", "")),
    )


def _docker() -> tuple[DockerFacts | None, tuple[str, str]]:
    try:
        client = connect()
        try:
            return docker_facts(client), ("", "")
        finally:
            client.close()
    except ColdforgeError as error:
        return None, (error.message, error.hint)


def _docker_installable(docker: DockerFacts | None) -> bool:
    try:
        return docker is None and daemon.possible() and not find_endpoint().chosen
    except ColdforgeError:
        return False


def _archives() -> int:
    try:
        return len(apt.archives())
    except ColdforgeError:
        return 0


def _mirrored(space: Workspace, name: str) -> bool:
    try:
        return not needs_fetch(Store(space.mirror / "blobs"), chain(space, name))
    except ColdforgeError:
        return False  # The stack or its builder has no lock yet.


def _index() -> str:
    """Let pip ask its index for a package of ours, with the user's proxies and certificates."""
    command = [sys.executable, "-m", "pip", "--no-input", "--timeout", "15", "--retries", "0"]
    result = _run([*command, "index", "versions", "invoke"])
    if result is None:
        return f"no answer within {COMMAND_SECONDS} s"
    if result.returncode == 0:
        return "ok"
    lines = [line for line in result.stderr.splitlines() if "ERROR" in line]
    return lines[-1].removeprefix("ERROR: ") if lines else "pip could not ask it"


def _output_of(command: list[str], pattern: str) -> str:
    """Run a command and pick what `pattern` finds in its output; empty when it cannot say."""
    result = _run(command)
    match = re.search(pattern, result.stdout, re.MULTILINE) if result else None
    return match[1] if match else ""


def _run(command: list[str]) -> "subprocess.CompletedProcess[str] | None":
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
