"""A wheel: its name and version from its metadata, its tags from its file name."""

import zipfile
from email.parser import HeaderParser
from typing import BinaryIO, NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.mirror.carried.kind import Found, Look, Want, damage, fitting, refusal, renamed
from coldforge.mirror.carried.reading import Limits, telling

MAGIC = b"PK\x03\x04"
MOST = 4 << 20  # bytes of metadata


class Metadata(NamedTuple):
    """What a wheel says it is."""

    name: str
    version: str
    tags: frozenset[str]


def read_wheel(stream: BinaryIO, size: int, name: str, limits: Limits) -> Metadata | None:
    """Read a zip's wheel metadata, every member's checksum compared; None if it is no wheel.

    Raise ColdforgeError on what no honest wheel holds.
    """
    with telling(name), zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        limits.check(name, sum(info.file_size for info in members), size)
        for info in members:
            if info.filename.startswith("/") or ".." in info.filename.split("/"):
                message = f"{name} is not safe to unpack: {info.filename} leads out of its folder"
                raise ColdforgeError(message, "take the file from its publisher")
        if bad := archive.testzip():
            raise damage(name, f"is damaged: {bad} has another checksum")
        metadata, wheel = (_info(archive, file) for file in ("METADATA", "WHEEL"))
    if not metadata or not wheel:
        return None
    tags = frozenset(line[5:].strip() for line in wheel.splitlines() if line.startswith("Tag:"))
    said = HeaderParser().parsestr(metadata)
    return Metadata(str(said["Name"] or ""), str(said["Version"] or ""), tags)


def _info(archive: zipfile.ZipFile, file: str) -> str:
    """Read a file of the top-level .dist-info; "" if there is none."""
    for info in archive.infolist():
        folder, _, base = info.filename.partition("/")
        if folder.endswith(".dist-info") and base == file and info.file_size <= MOST:
            return archive.read(info).decode("utf-8", "replace")
    return ""


def claims(look: Look, want: Want) -> bool:
    """Tell whether a file is the wanted package, by its metadata or by its name."""
    from packaging.utils import canonicalize_name

    inside = look.facts.name if isinstance(look.facts, Metadata) else ""
    wanted = canonicalize_name(want.about.file.partition("-")[0])
    names = {canonicalize_name(name) for name in (inside, look.name.partition("-")[0])}
    return wanted in names and (bool(inside) or look.name.endswith(".whl"))


def judge(look: Look, want: Want) -> Found:
    """Tell which version of the wanted package a file is; raise ColdforgeError if it is not."""
    from packaging.utils import canonicalize_name

    facts = look.facts
    if not isinstance(facts, Metadata):
        raise refusal(look.name, "is no wheel", want)
    wanted = canonicalize_name(want.about.file.partition("-")[0])
    if canonicalize_name(facts.name) != wanted:
        what = f"was renamed: inside is {facts.name} {facts.version}"
        raise refusal(look.name, what, want)
    said = _said_version(look.name)
    if said and said != facts.version:
        raise refusal(look.name, f"was renamed: inside is version {facts.version}", want)
    file = fitting(look.name, facts.version, want, facts.name)
    _check_tags(look, facts, want)
    return Found(want.name, facts.version, file, renamed(look.name, file))


def _said_version(name: str) -> str:
    parts = name.removesuffix(".whl").split("-")
    return parts[1] if name.endswith(".whl") and len(parts) in (5, 6) else ""


def _check_tags(look: Look, facts: Metadata, want: Want) -> None:
    """Refuse a wheel that the image's interpreter would not take."""
    from packaging.tags import parse_tag

    from coldforge.stack.tags import supported

    if want.python is None:
        message = f"stack {want.stack} takes wheels, but names no [python]"
        raise ColdforgeError(message, f"add [python] to docker/stacks/{want.stack}.toml")
    suits = supported(want.python)
    if not any(tag in suits for said in facts.tags for tag in parse_tag(said)):
        found = ", ".join(sorted(facts.tags)) or "nothing it names"
        what = f"is for {found}; stack {want.stack} has Python {want.python.version}"
        raise refusal(look.name, f"{what} on {want.python.platform}", want)
