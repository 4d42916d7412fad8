"""A wheel: its name and version from its metadata, its tags from its file name."""

import zipfile
from email.parser import HeaderParser
from typing import NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.mirror.carried.kind import (
    CarriedFile,
    CarriedKind,
    FileFormat,
    Recognised,
    WantedFile,
    fitting,
    refusal,
    renamed,
)
from coldforge.mirror.carried.reading import HashedFile, ReadLimits, damage, reporting

MAGIC = b"PK\x03\x04"
MOST = 4 << 20  # bytes of metadata


class Metadata(NamedTuple):
    """What a wheel says it is."""

    name: str
    version: str
    tags: frozenset[str]


def read_wheel(source: HashedFile, _: bytes, name: str, limits: ReadLimits) -> Metadata | None:
    """Read a zip's wheel metadata, every member's checksum compared; None if it is not a wheel.

    Raise ColdforgeError on what no honest wheel holds.
    """
    with reporting(name), zipfile.ZipFile(source.stream) as archive:
        members = archive.infolist()
        limits.check(name, sum(info.file_size for info in members), source.size)
        for info in members:
            if info.filename.startswith("/") or ".." in info.filename.split("/"):
                message = f"{name} is not safe to unpack: {info.filename} leads out of its folder"
                raise ColdforgeError(message, "take the file from its publisher")
        if bad := archive.testzip():
            raise damage(name, f"is damaged: {bad} has another checksum")
        metadata, wheel = (_info(archive, file) for file in ("METADATA", "WHEEL"))
    source.stream.seek(0)
    if not metadata or not wheel:
        return None
    tags = frozenset(line[5:].strip() for line in wheel.splitlines() if line.startswith("Tag:"))
    named = HeaderParser().parsestr(metadata)
    return Metadata(str(named["Name"] or ""), str(named["Version"] or ""), tags)


def _info(archive: zipfile.ZipFile, file: str) -> str:
    """Read a file of the top-level .dist-info; "" if there is none."""
    for info in archive.infolist():
        folder, _, base = info.filename.partition("/")
        if folder.endswith(".dist-info") and base == file and info.file_size <= MOST:
            return archive.read(info).decode("utf-8", "replace")
    return ""


def _named_version(name: str) -> str:
    parts = name.removesuffix(".whl").split("-")
    return parts[1] if name.endswith(".whl") and len(parts) in (5, 6) else ""


def _check_tags(carried: CarriedFile, facts: Metadata, want: WantedFile) -> None:
    """Refuse a wheel that the image's interpreter would not take."""
    from packaging.tags import parse_tag

    from coldforge.stack.tags import supported

    if want.python is None:
        message = f"stack {want.stack} takes wheels, but names no [python]"
        raise ColdforgeError(message, f"add [python] to docker/stacks/{want.stack}.toml")
    suits = supported(want.python)
    if not any(tag in suits for named in facts.tags for tag in parse_tag(named)):
        found = ", ".join(sorted(facts.tags)) or "nothing it names"
        what = f"is for {found}; stack {want.stack} has Python {want.python.version}"
        raise refusal(carried.name, f"{what} on {want.python.platform}", want)


class WheelKind(CarriedKind):
    """Wheels."""

    format = FileFormat("wheel", lambda first: first.startswith(MAGIC), read_wheel)

    def claims(self, carried: CarriedFile, want: WantedFile) -> bool:
        """Tell whether a file is the wanted package, by its metadata or by its name."""
        from packaging.utils import canonicalize_name

        inside = carried.facts.name if isinstance(carried.facts, Metadata) else ""
        wanted = canonicalize_name(want.about.file.partition("-")[0])
        names = {canonicalize_name(name) for name in (inside, carried.name.partition("-")[0])}
        return wanted in names and (bool(inside) or carried.name.endswith(".whl"))

    def identify(self, carried: CarriedFile, want: WantedFile) -> Recognised:
        """Tell which version of the wanted package a file is; raise ColdforgeError if it is not."""
        from packaging.utils import canonicalize_name

        facts = carried.facts
        if not isinstance(facts, Metadata):
            raise refusal(carried.name, "is not a wheel", want)
        wanted = canonicalize_name(want.about.file.partition("-")[0])
        if canonicalize_name(facts.name) != wanted:
            what = f"was renamed: inside is {facts.name} {facts.version}"
            raise refusal(carried.name, what, want)
        named = _named_version(carried.name)
        if named and named != facts.version:
            raise refusal(carried.name, f"was renamed: inside is version {facts.version}", want)
        file = fitting(carried.name, facts.version, want, facts.name)
        _check_tags(carried, facts, want)
        return Recognised(want.name, facts.version, file, renamed(carried.name, file))


KIND = WheelKind()
