"""The door for kinds of hand-carried files: a module here whose `KIND` tells files of one kind.

And what the kinds share: what is wanted, what a file turned out to be, how it is refused. A file is
recognised by its content; its name only decides what is tried first.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.files.lfs_pointer import parse_pointer
from coldforge.mirror.carried.reading import HashedFile, ReadLimits
from coldforge.plugins import provided
from coldforge.stack.profile import Carried
from coldforge.stack.stack import Python

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
VERSION = r"(?P<version>[0-9][0-9A-Za-z.+~_-]*?)"
LIMITS = ReadLimits()


class WantedFile(NamedTuple):
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


class CarriedFile(NamedTuple):
    """A file that somebody brought: its name, its bytes, and what its format tells."""

    name: str
    size: int
    sha256: str
    facts: Any = None
    """What its format's `read` returned; None for an unknown format."""


class Recognised(NamedTuple):
    """What a file is."""

    name: str
    version: str
    file: str
    """Its publisher's name for it."""
    notes: tuple[str, ...] = ()
    """What people should know: a name that was corrected, what could not be checked."""


class FileFormat(NamedTuple):
    """How files of one format are read; several kinds may share one."""

    name: str
    matches: Callable[[bytes], bool]
    """Whether a file whose first 512 bytes are given is of this format."""
    read: Callable[[HashedFile, bytes, str, ReadLimits], object]
    """Read a file from front to end, given its first bytes and its name; what it returns becomes
    `CarriedFile.facts`. Raises ColdforgeError on a file that is damaged or unsafe."""


class CarriedKind(Protocol):
    """Recognises files of one kind by their content; its module's name is the `kind` of a recipe.

    For example disk images, in `mirror/carried/disk.py`; a release then says `kind = "disk"`:

        class DiskKind(CarriedKind):
            format = FileFormat("disk image", lambda first: first.startswith(b"DISK"), read_disk)

            def claims(self, carried: CarriedFile, want: WantedFile) -> bool:
                return isinstance(carried.facts, Disk) and carried.facts.label == want.name

            def identify(self, carried: CarriedFile, want: WantedFile) -> Recognised:
                file = fitting(carried.name, carried.facts.version, want, "disk")
                return Recognised(want.name, carried.facts.version, file)

        KIND = DiskKind()
    """

    format: FileFormat

    def claims(self, carried: CarriedFile, want: WantedFile) -> bool:
        """Tell whether a file is the wanted product in any version, rightly or by its name."""
        ...

    def identify(self, carried: CarriedFile, want: WantedFile) -> Recognised:
        """Tell which version a file is; raise ColdforgeError if it is not a wanted one."""
        ...


@cache
def kinds() -> dict[str, CarriedKind]:
    """Map the name of each kind to what recognises it."""
    return provided("coldforge.mirror.carried", "KIND")


def refusal(name: str, what: str, want: WantedFile) -> ColdforgeError:
    """Make the error for a file that is not the wanted one, naming that."""
    hint = f"bring {' or '.join(want.about.names())}; from: {want.about.publisher}"
    return ColdforgeError(f"{name} {what}", hint)


def fitting(name: str, version: str, want: WantedFile, what: str) -> str:
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


def examine(
    path: Path, advance: Callable[[int], None] | None = None, limits: ReadLimits = LIMITS
) -> CarriedFile:
    """Read a file from front to end, hashing it; raise ColdforgeError if damaged or unsafe."""
    with path.open("rb") as stream:
        first = stream.read(512)
        stream.seek(0)
        refuse_pointer(path.name, first)
        source = HashedFile(stream, advance)
        facts = _facts(source, first, path.name, limits)
        return CarriedFile(path.name, source.size, source.finish(), facts)


def recognise(carried: CarriedFile, wants: Iterable[WantedFile]) -> Recognised:
    """Tell which wanted file this is; raise ColdforgeError if it is not exactly one of them."""
    wants = list(wants)
    refusals = []
    for want in sorted(
        wants, key=lambda want: not pattern(want.about.file).fullmatch(carried.name)
    ):
        kind = kinds().get(want.about.kind)
        if kind is None:
            raise UnknownNameError("kind of carried file", want.about.kind, list(kinds()))
        if kind.claims(carried, want):
            try:
                return kind.identify(carried, want)
            except ColdforgeError as error:
                refusals.append(error)
    raise refusals[0] if refusals else _stranger(carried, wants)


def refuse_pointer(name: str, first: bytes) -> None:
    """Refuse a Git LFS pointer, by its first bytes."""
    pointer = parse_pointer(first)
    if pointer:
        of = f"{pointer.size:,} bytes, sha256 {pointer.oid[:12]}…"
        message = f"{name} is a Git LFS pointer, not the file it stands for ({of})"
        raise ColdforgeError(message, "run 'git lfs pull' where you took it, and bring the file")


def _facts(source: HashedFile, first: bytes, name: str, limits: ReadLimits) -> object:
    for known in _formats():
        if known.matches(first):
            return known.read(source, first, name, limits)
    return None


def _formats() -> list[FileFormat]:
    return list(dict.fromkeys(kind.format for kind in kinds().values()))


def _stranger(carried: CarriedFile, wants: list[WantedFile]) -> ColdforgeError:
    names = sorted({" or ".join(want.about.names()) for want in wants})
    hint = f"wanted: {'; '.join(names)}" if names else "its layers ask for no hand-carried file"
    if carried.facts is None:
        known = ", ".join(sorted(known.name for known in _formats()))
        return ColdforgeError(f"{carried.name} has no known format ({known})", hint)
    return ColdforgeError(f"nothing in the stack asks for {carried.name}", hint)
