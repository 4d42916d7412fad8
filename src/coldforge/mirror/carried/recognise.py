"""Recognise a hand-carried file by its content; its name only decides what is tried first."""

from collections.abc import Callable, Iterable
from pathlib import Path

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.files.lfs_pointer import parse_pointer
from coldforge.mirror.carried.kind import (
    CarriedFile,
    FileFormat,
    Recognised,
    WantedFile,
    kinds,
    pattern,
)
from coldforge.mirror.carried.reading import HashedFile, Limits

LIMITS = Limits()


def examine(
    path: Path, advance: Callable[[int], None] | None = None, limits: Limits = LIMITS
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


def _facts(source: HashedFile, first: bytes, name: str, limits: Limits) -> object:
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
