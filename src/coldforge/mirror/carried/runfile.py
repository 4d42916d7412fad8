"""A self-extracting installer (makeself): its header tells whether it is complete.

Source: makeself's header scripts 2.1 to 2.5; names of the CUDA toolkit's runfiles.
"""

import json
import re
from typing import NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.mirror.carried.contents import Contents, read_tar
from coldforge.mirror.carried.kind import (
    CarriedFile,
    CarriedKind,
    FileFormat,
    Recognised,
    WantedFile,
    fitting,
    pattern,
    product,
    refusal,
    renamed,
)
from coldforge.mirror.carried.reading import ArchivePart, HashedFile, ReadLimits, damage

MAGIC = b"#!/bin/sh"
HEAD = 256 << 10  # bytes within which makeself's script ends
MACHINES = {None: "x86_64", "sbsa": "aarch64"}
"""What follows `_linux` in the name, where that is not the processor itself."""


class Header(NamedTuple):
    """What makeself wrote before the archives."""

    start: int
    """Where the first archive begins."""
    sizes: list[int]
    md5: list[str]

    @property
    def size(self) -> int:
        """Count the bytes of the whole file."""
        return self.start + sum(self.sizes)


class Runfile(NamedTuple):
    """A makeself installer, and what could be learned of it."""

    checked: bool
    """Whether its header gives sizes to compare; they are right then."""
    contents: Contents | None
    """None if its archive is packed in a way that is not looked into."""


def parse_header(head: bytes) -> Header | None:
    """Read makeself's script at the start of a file; None if it is not as known."""
    text = head.decode("latin-1")
    sizes = re.search(r'^\s*filesizes="([0-9 ]+)"', text, re.MULTILINE)
    lines = re.search(r'^\s*skip="(\d+)"', text, re.MULTILINE)
    lines = lines or re.search(r'head -n "?(\d+)"? "\$0"', text)
    if not sizes or not lines:
        return None
    rows = head.split(b"\n", int(lines[1]))
    if len(rows) <= int(lines[1]):
        return None
    md5 = re.search(r'^\s*MD5="([0-9a-f ]*)"', text, re.MULTILINE)
    numbers = [int(size) for size in sizes[1].split()]
    return Header(len(head) - len(rows[-1]), numbers, md5[1].split() if md5 else [])


def read_runfile(source: HashedFile, _: bytes, name: str, limits: ReadLimits) -> Runfile | None:
    """Read a runfile to its end, comparing its checksums; None if it is another kind of script.

    Raise ColdforgeError if it is cut off or damaged.
    """
    head = source.stream.read(HEAD)
    source.stream.seek(0)
    header = parse_header(head)
    if header is None:
        return Runfile(False, None) if b"makeself" in head.lower() else None
    if source.size < header.size:
        raise damage(name, f"is cut off: {source.size:,} bytes instead of {header.size:,}")
    if source.size > header.size:
        raise damage(name, f"is damaged: {source.size - header.size:,} bytes follow its end")
    ArchivePart(source, header.start).finish()
    first = head[header.start : header.start + 16]
    contents = None
    for number, size in enumerate(header.sizes):
        part = ArchivePart(source, size)
        if number == 0:
            contents = _looked_into(part, first, name, limits)
        digest, written = part.finish(), dict(enumerate(header.md5)).get(number, "0")
        if written.strip("0") and written != digest:
            raise damage(name, f"is damaged: its archive {number + 1} has another MD5")
    return Runfile(True, contents)


def _looked_into(part: ArchivePart, first: bytes, name: str, limits: ReadLimits) -> Contents | None:
    """Read an archive that its own script unpacks; None if it is not a tar."""
    try:
        return read_tar(part, first, name, limits, whole=False)
    except ColdforgeError:
        return None


def _check_machine(carried: CarriedFile, contents: Contents | None, want: WantedFile) -> None:
    """Refuse an installer for another processor, by its libraries or by its name's ending."""
    inside = contents.of(contents.kept) if contents else set()
    match = re.search(r"_linux(?:_([a-z0-9]+))?\.run$", carried.name.lower())
    named = MACHINES.get(match[1], match[1]) if match else want.machine
    # A toolkit holds libraries for other processors too.
    found = " and ".join(sorted(inside)) if inside and want.machine not in inside else named
    if found != want.machine:
        raise refusal(carried.name, f"is for {found}; stack {want.stack} is {want.machine}", want)


def _inside_version(contents: Contents | None) -> str:
    """Read the version that a CUDA toolkit's version.json gives; "" if none does."""
    kept = contents.kept if contents else {}
    files = [path for path in kept if path.rpartition("/")[2] == "version.json"]
    for path in sorted(files, key=lambda path: (path.count("/"), path)):
        try:
            return str(json.loads(kept[path])["cuda"]["version"])
        except (ValueError, KeyError, TypeError):
            continue
    return ""


def _minor(version: str) -> list[str]:
    """Give major and minor: the third number is a date in some version.json."""
    return re.split(r"[._]", version)[:2]


class RunfileKind(CarriedKind):
    """Self-extracting installers."""

    format = FileFormat("installer", lambda first: first.startswith(MAGIC), read_runfile)

    def claims(self, carried: CarriedFile, want: WantedFile) -> bool:
        """Tell whether a file is an installer of the wanted product, or is named like one."""
        named = product(carried.name) == product(want.about.file)
        return isinstance(carried.facts, Runfile) or (
            named and carried.name.lower().endswith(".run")
        )

    def identify(self, carried: CarriedFile, want: WantedFile) -> Recognised:
        """Tell which version of the wanted installer a file is; raise ColdforgeError."""
        if not isinstance(carried.facts, Runfile):
            raise refusal(carried.name, "is not a makeself installer", want)
        named = pattern(want.about.file).fullmatch(carried.name)
        _check_machine(carried, carried.facts.contents, want)
        if named is None:
            raise refusal(carried.name, "is not named as its publisher names it", want)
        inside = _inside_version(carried.facts.contents)
        version = named["version"]
        if inside and _minor(inside) != _minor(version):
            raise refusal(carried.name, f"was renamed: inside is version {inside}", want)
        file = fitting(carried.name, version, want, want.name)
        notes = [] if inside else ["version taken from its name: nothing inside says it"]
        if not carried.facts.checked:
            notes.append("not checked for damage: its header is not as makeself's are")
        return Recognised(want.name, version, file, tuple(notes) + renamed(carried.name, file))


KIND = RunfileKind()
