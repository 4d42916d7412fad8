"""What every kind of hand-carried file shares: what is wanted, what was seen, how it is refused."""

import re
from typing import Any, NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.stack.profile import Carried
from coldforge.stack.stack import Python

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
VERSION = r"(?P<version>[0-9][0-9A-Za-z.+~_-]*?)"


class Want(NamedTuple):
    """A hand-carried file that a stack asks for."""

    stack: str
    name: str
    """What the release profile calls it."""
    about: Carried
    platform: str = "linux/amd64"
    python: Python | None = None

    @property
    def machine(self) -> str:
        """Name the processor of the stack's images as ELF files do."""
        architecture = self.platform.rpartition("/")[2]
        return MACHINES.get(architecture, architecture)


class Look(NamedTuple):
    """A file as it was found: name, bytes, and what its format let out."""

    name: str
    size: int
    sha256: str
    facts: Any = None
    """Contents of a tar, a runfile's header, a wheel's metadata; None for anything else."""


class Found(NamedTuple):
    """What a file turned out to be."""

    name: str
    version: str
    file: str
    """Its publisher's name for it."""
    notes: tuple[str, ...] = ()
    """What people should know: a name that was mended, a thing that could not be checked."""


def refusal(name: str, what: str, want: Want) -> ColdforgeError:
    """Refuse a file that is not the wanted one, naming the one that is."""
    hint = f"bring {' or '.join(want.about.names())}; from: {want.about.publisher}"
    return ColdforgeError(f"{name} {what}", hint)


def damage(name: str, why: str) -> ColdforgeError:
    """Refuse a file that did not arrive whole."""
    return ColdforgeError(f"{name} {why}", "copy it again and compare its size with the source's")


def fitting(name: str, version: str, want: Want, what: str) -> str:
    """Give the publisher's name of the wanted file in `version`; refuse a version not wanted."""
    if version not in want.about.versions:
        takes = " or ".join(want.about.versions)
        raise refusal(name, f"is {what} {version}; stack {want.stack} takes {takes}", want)
    return want.about.file.format(version=version)


def renamed(name: str, file: str) -> tuple[str, ...]:
    """Note that a file came under another name than its publisher's."""
    if name.lower() == file.lower():
        return ()
    return (f"came as {name}, kept as {file}",)


def pattern(file: str) -> re.Pattern[str]:
    """Turn a publisher's file name with {version} into a pattern; letters' case is nothing."""
    parts = map(re.escape, file.split("{version}"))
    return re.compile(VERSION.join(parts), re.IGNORECASE)


def product(file: str) -> str:
    """Give what every version of a publisher's file starts with: `cudnn`, `cuda`, `tensorrt`."""
    return re.split(r"[^a-z]", file.lower(), maxsplit=1)[0]
