"""Tell what a hand-carried file is, from its bytes; its name is only a first hint."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.files.lfs_pointer import parse_pointer
from coldforge.mirror.carried import archive, runfile, tensorrt, wheel
from coldforge.mirror.carried.contents import read_tar
from coldforge.mirror.carried.kind import Found, Look, Want, pattern
from coldforge.mirror.carried.reading import BZIP2, GZIP, XZ, Hashed, Limits

LIMITS = Limits()


class Kind(NamedTuple):
    """How files of one kind are told."""

    claims: Callable[[Look, Want], bool]
    """Whether a file says it is the wanted thing, in whatever version."""
    judge: Callable[[Look, Want], Found]


KINDS = {
    "archive": Kind(archive.claims, archive.judge),
    "runfile": Kind(runfile.claims, runfile.judge),
    "tensorrt": Kind(tensorrt.claims, tensorrt.judge),
    "wheel": Kind(wheel.claims, wheel.judge),
}


def look(path: Path, advance: Callable[[int], None] | None = None, limits: Limits = LIMITS) -> Look:
    """Read a file from front to end, hashing it; raise ColdforgeError if it is not sound."""
    with path.open("rb") as stream:
        first = stream.read(512)
        stream.seek(0)
        refuse_pointer(path.name, first)
        source = Hashed(stream, advance)
        facts = _facts(source, first, path.name, limits)
        return Look(path.name, source.size, source.finish(), facts)


def recognise(seen: Look, wants: Iterable[Want]) -> Found:
    """Tell which wanted file this is; raise ColdforgeError if it is none, or not quite."""
    wants = list(wants)
    refusals = []
    for want in sorted(wants, key=lambda want: not pattern(want.about.file).fullmatch(seen.name)):
        if want.about.kind not in KINDS:
            raise UnknownNameError("kind of carried file", want.about.kind, list(KINDS))
        kind = KINDS[want.about.kind]
        if kind.claims(seen, want):
            try:
                return kind.judge(seen, want)
            except ColdforgeError as error:
                refusals.append(error)
    raise refusals[0] if refusals else _stranger(seen, wants)


def refuse_pointer(name: str, first: bytes) -> None:
    """Refuse what stands in a git tree for a large file, by its first bytes."""
    pointer = parse_pointer(first)
    if pointer:
        of = f"{pointer.size:,} bytes, sha256 {pointer.oid[:12]}…"
        message = f"{name} is a Git LFS pointer, not the file it stands for ({of})"
        raise ColdforgeError(message, "run 'git lfs pull' where you took it, and bring the file")


def _facts(source: Hashed, first: bytes, name: str, limits: Limits) -> object:
    if first.startswith((GZIP, XZ, BZIP2)) or first[257:262] == b"ustar":
        return read_tar(source, first, name, limits)
    if first.startswith(runfile.MAGIC):
        return runfile.read_runfile(source, name, limits)
    if first.startswith(wheel.MAGIC):
        metadata = wheel.read_wheel(source.stream, source.size, name, limits)
        source.stream.seek(0)
        return metadata
    return None


def _stranger(seen: Look, wants: list[Want]) -> ColdforgeError:
    names = sorted({" or ".join(want.about.names()) for want in wants})
    hint = f"wanted: {'; '.join(names)}" if names else "its layers ask for no hand-carried file"
    if seen.facts is None:
        return ColdforgeError(f"{seen.name} is neither a tar, an installer nor a wheel", hint)
    return ColdforgeError(f"nothing in the stack asks for {seen.name}", hint)
