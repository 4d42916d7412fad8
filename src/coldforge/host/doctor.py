"""Check whether this host can build and run a stack; name a remedy for each fault."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from coldforge.host.facts import KEYRING, Facts, gather
from coldforge.paths import Workspace
from coldforge.progress import amount

Status = Literal["ok", "warn", "miss", "skipped"]
MARKS: dict[Status, str] = {"ok": "✓", "warn": "!", "miss": "✗", "skipped": "-"}


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what to do about it."""

    name: str
    status: Status
    found: str
    remedy: str = ""
    """Empty when there is nothing to do."""


def at_least(name: str, status: Status, found: str, remedy: str) -> Check:
    """Make a finding whose remedy is kept only where there is something to do."""
    return Check(name, status, found, remedy if status in ("warn", "miss") else "")


def healthy(checks: Iterable[Check]) -> bool:
    """Tell whether nothing needed is missing."""
    return all(check.status != "miss" for check in checks)


def table(checks: list[Check]) -> str:
    """Lay findings out for people, each remedy below its finding."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        lines.append(f"{MARKS[check.status]} {check.name:<{width}}  {check.found}")
        if check.remedy:
            lines.append(f"  {'':<{width}}  -> {check.remedy}")
    counts = [f"{sum(check.status == status for check in checks)} {status}" for status in MARKS]
    return "\n".join([*lines, ", ".join(counts)])


GB = 1_000_000_000
DISK = (5 * GB, 15 * GB)  # less than the first is missing, less than the second a warning
MEMORY = (3 * GB, 6 * GB)


def examine(space: Workspace, stack: str, online: bool = False) -> list[Check]:
    """Examine this host for `stack`; `online` also lets pip ask its index."""
    return diagnose(gather(space, stack, online))


def diagnose(facts: Facts) -> list[Check]:
    """Check every fact."""
    return [
        *_machine(facts),
        *_disks(facts),
        _python(facts),
        _index(facts),
        _docker(facts),
        *_debian(facts),
        *_git(facts),
        _clock(facts),
        *_nvidia(facts),
    ]


def _machine(facts: Facts) -> list[Check]:
    here = f"{facts.system}, {facts.machine}"
    status: Status = "ok" if "debian" in facts.family.split() else "warn"
    remedy = "set COLDFORGE_DEBIAN to the base URL of a Debian archive; install gpgv yourself"
    if facts.machine != "Linux x86_64":
        status, remedy = "miss", "use an x86-64 Linux machine"
    few = "steps that use every core will take longer"
    enough = "close other programs or use a machine with more memory; 6 GB is comfortable"
    memory = _grade(facts.memory, MEMORY)
    return [
        at_least("system", status, here, remedy),
        at_least("processor", "ok" if facts.cores > 1 else "warn", f"{facts.cores} cores", few),
        at_least("memory", memory, amount(facts.memory), enough),
    ]


def _disks(facts: Facts) -> list[Check]:
    remedy = f"free some space: mirror, images and Docker take about {amount(DISK[1])} in all"
    return [
        at_least(f"disk ({place})", _grade(free, DISK), f"{amount(free)} free", remedy)
        for place, free in facts.disks.items()
    ]


def _grade(value: int, bounds: tuple[int, int]) -> Status:
    if value < bounds[0]:
        return "miss"
    return "warn" if value < bounds[1] else "ok"


def _python(facts: Facts) -> Check:
    version = ".".join(str(part) for part in facts.python)
    if facts.python < (3, 11):
        return Check("python", "miss", version, "install Python 3.11 or newer")
    if facts.carried:
        return Check("python", "ok", f"{version}, carried by the bundle")
    if not facts.pip:
        return Check("python", "miss", f"{version}, no pip", "remove .venv and rerun ./invokew")
    return Check("python", "ok", f"{version}, pip {facts.pip}")


def _index(facts: Facts) -> Check:
    if facts.mirrored:
        return Check("python index", "ok", "not needed: the mirror is complete")
    if not facts.index:
        return Check("python index", "skipped", "asked only with --online")
    if facts.index == "ok":
        return Check("python index", "ok", "answers pip")
    return Check("python index", "miss", facts.index, "check `pip config list` and the proxy")


def _docker(facts: Facts) -> Check:
    if facts.docker is None:
        message, hint = facts.docker_error
        if facts.docker_installable:
            remedy = "nothing: tasks that need it install and start it"
            return Check("docker engine", "warn", message, remedy)
        return Check("docker engine", "miss", message, hint)
    docker = facts.docker
    store = "containerd store" if docker.containerd_store else f"{docker.driver} store"
    found = f"{docker.version}, API {docker.api_version}, {store}"
    if docker.platform != "linux/x86_64":
        remedy = "point DOCKER_HOST to a Docker Engine on x86-64 Linux"
        return Check("docker engine", "miss", f"{found}, {docker.platform}", remedy)
    return Check("docker engine", "ok", found)


def _debian(facts: Facts) -> list[Check]:
    if facts.mirrored:
        return [Check("debian archive", "ok", "not needed: the mirror is complete")]
    named = f"{facts.archives} in apt's configuration" if facts.archives else "none configured"
    remedy = "add a Debian archive to /etc/apt/sources.list.d or set COLDFORGE_DEBIAN"
    ring = "install debian-archive-keyring (apt-get install debian-archive-keyring)"
    return [
        at_least("debian archive", _there(facts.archives), named, remedy),
        at_least("gpgv", _there(facts.gpgv), facts.gpgv or "not on PATH", "install gpgv"),
        at_least(
            "debian keyring",
            _there(facts.keyring),
            str(KEYRING) if facts.keyring else "missing",
            ring,
        ),
    ]


def _git(facts: Facts) -> list[Check]:
    if not facts.forge or facts.mirrored:
        return []
    remedy = "install git: the release's sources come through it"
    return [at_least("git", _there(facts.git), facts.git or "not on PATH", remedy)]


def _there(value: object) -> Status:
    return "ok" if value else "miss"


def _clock(facts: Facts) -> Check:
    now = f"{datetime.fromtimestamp(facts.now, UTC):%Y-%m-%d %H:%M} UTC"
    if facts.now < facts.newest:
        remedy = "set the clock: signatures and certificates carry dates"
        return Check("clock", "miss", f"{now}, before this stack's own inputs", remedy)
    return Check("clock", "ok", now)


def _nvidia(facts: Facts) -> list[Check]:
    names = ("nvidia driver", "cuda toolkit", "cudnn")
    if facts.nvidia is None:
        return [Check(name, "skipped", "this stack needs no GPU") for name in names]
    rows = (
        (facts.nvidia.driver, "nvidia-smi reports nothing", "install NVIDIA's driver"),
        (facts.nvidia.nvcc, "nvcc is not on PATH", "add CUDA's bin folder to PATH"),
        (facts.nvidia.cudnn, "libcudnn not found", "add cuDNN's folder to LD_LIBRARY_PATH"),
    )
    return [
        at_least(name, "ok" if found else "warn", found or lacking, f"{remedy}; builds need none")
        for name, (found, lacking, remedy) in zip(names, rows, strict=True)
    ]
