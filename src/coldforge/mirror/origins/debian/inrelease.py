"""Find a Debian suite: its signed Release, checked, and the package indexes it vouches for."""

import gzip
import hashlib
import lzma
import re
import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.atomic import write_file
from coldforge.mirror.http.urls import redact
from coldforge.mirror.origins.debian.archive import Get
from coldforge.mirror.origins.debian.signature import KEYRINGS, verified
from coldforge.mirror.settings import apt
from coldforge.progress import step
from coldforge.stack.lock import Release
from coldforge.stack.stack import Suite

LIMIT = 16 << 20  # bytes; Debian's largest InRelease is about 1.4 MB
OPENERS: dict[str, Callable[[bytes], bytes]] = {
    ".xz": lzma.decompress,
    ".gz": gzip.decompress,
    "": bytes,
}


class ReleaseFile(msgspec.Struct, frozen=True):
    """The content of a Release file: its fields, and sha256 and size of each index it lists."""

    fields: dict[str, str]
    files: dict[str, tuple[str, int]]


class SignedSuite(msgspec.Struct, frozen=True):
    """A suite at one archive, its signature checked."""

    suite: str
    source: apt.AptSource
    file: ReleaseFile
    sha256: str
    """Of InRelease."""

    def release(self) -> Release:
        """Describe it for the lock, without the archive."""
        fields = self.file.fields
        return Release(self.suite, fields.get("version", ""), fields.get("date", ""), self.sha256)


class Rules(msgspec.Struct, frozen=True):
    """What a Release must stand up to on this host."""

    keyrings: tuple[Path, ...] = KEYRINGS
    check_valid_until: bool = True
    now: datetime | None = None
    """The present, unless a test says otherwise."""


def find_suite(
    sources: Sequence[apt.AptSource], suite: Suite, architecture: str, get: Get, rules: Rules
) -> SignedSuite:
    """Find the first archive with this suite, signed, current and complete; raise ColdforgeError.

    Other publishers have suites named after Debian's too: one whose Origin is not Debian is
    taken only when COLDFORGE_DEBIAN names it or no other archive has the suite.
    """
    spare, failures = None, []
    for source in by_suite(sources, suite.name):
        try:
            found = _read(source, suite, architecture, get, rules)
        except MissingInputError:
            raise
        except ColdforgeError as error:
            failures.append(f"{redact(source.uri)}: {error.message}")
            continue
        if source.override or found.file.fields.get("origin") == "Debian":
            return found
        spare = spare or found
    if spare:
        return spare
    message = f"no configured archive gives Debian suite '{suite.name}' ({'; '.join(failures)})"
    raise ColdforgeError(message, apt.HINT)


def by_suite(sources: Sequence[apt.AptSource], suite: str) -> list[apt.AptSource]:
    """Order archives: overrides, those configured for this suite, the rest; else as they are."""
    return sorted(sources, key=lambda item: (not item.override, suite not in item.suites))


def read_index(found: SignedSuite, component: str, architecture: str, cache: Path, get: Get) -> str:
    """Return the text of a Packages index, from `cache` or fetched; sha256 and size are checked."""
    name = _index(found.file, component, architecture)
    sha256, size = found.file.files[name]
    kept = cache / sha256
    data = kept.read_bytes() if kept.is_file() else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        url = f"{found.source.uri}/dists/{found.suite}/{name}"
        with step(f"Fetching the package index of {found.suite}", size) as current:
            data = _checked(url, get(url, size, current.advance), sha256, size)
        write_file(kept, data)
    try:
        return OPENERS[Path(name).suffix](data).decode("utf-8", "replace")
    except (lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise ColdforgeError(f"the package index {name} of {found.suite} is damaged") from error


def parse_release(text: str) -> ReleaseFile:
    """Parse a Release file; field names in lower case; raise ColdforgeError."""
    fields: dict[str, str] = {}
    files: dict[str, tuple[str, int]] = {}
    key = ""
    for line in text.splitlines():
        if line[:1] not in (" ", "\t"):
            key, _, value = line.partition(":")
            key = key.lower()
            fields[key] = value.strip()
        elif key == "sha256":
            match = re.fullmatch(r"\s+([0-9a-f]{64})\s+(\d+)\s+(\S+)\s*", line)
            if not match:
                raise ColdforgeError(f"its Release has a bad line: {line.strip()[:80]}")
            files[match[3]] = (match[1], int(match[2]))
    return ReleaseFile(fields, files)


def check_release(file: ReleaseFile, suite: str, until: bool, now: datetime) -> None:
    """Raise ColdforgeError unless it is of `suite` and, if `until` asks, valid at `now`."""
    names = {file.fields.get("suite"), file.fields.get("codename")}
    if suite not in names:
        told = " or ".join(sorted(name for name in names if name)) or "nothing"
        raise ColdforgeError(f"its Release is of {told}, not of {suite}")
    limit = file.fields.get("valid-until")
    if not until or not limit:
        return
    try:
        end = parsedate_to_datetime(limit)
    except ValueError as error:
        raise ColdforgeError(f"its Valid-Until is not a date: {limit[:40]}") from error
    if now > (end if end.tzinfo else end.replace(tzinfo=UTC)):
        raise ColdforgeError(f"its Release was valid until {limit}")


def _read(
    source: apt.AptSource, suite: Suite, architecture: str, get: Get, rules: Rules
) -> SignedSuite:
    data = get(f"{source.uri}/dists/{suite.name}/InRelease", LIMIT, lambda _: None)
    file = parse_release(verified(data, source.signed_by, rules.keyrings))
    until = rules.check_valid_until and source.check_valid_until
    check_release(file, suite.name, until, rules.now or datetime.now(UTC))
    for component in suite.components:
        _index(file, component, architecture)
    return SignedSuite(suite.name, source, file, hashlib.sha256(data).hexdigest())


def _index(file: ReleaseFile, component: str, architecture: str) -> str:
    for suffix in OPENERS:
        name = f"{component}/binary-{architecture}/Packages{suffix}"
        if name in file.files:
            return name
    raise ColdforgeError(f"it has no component '{component}' for {architecture}")


def _checked(url: str, data: bytes, sha256: str, size: int) -> bytes:
    if len(data) != size or hashlib.sha256(data).hexdigest() != sha256:
        message = f"{redact(url)} is not what its signed Release says"
        raise ColdforgeError(message, "the archive may be in the middle of an update: try again")
    return data
