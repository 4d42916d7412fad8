"""A component: one thing that is in an image, or was used to make it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote

from coldforge.evidence.licences.licence import UNKNOWN, Licence
from coldforge.stack.lock import Entry

Kind = Literal["deb", "wheel", "source", "file", "image"]
ROOM = re.compile(r"[^A-Za-z0-9.]+")


@dataclass(frozen=True)
class Component:
    """A thing by its bytes: what it is, where it was used, and whether the image holds it."""

    kind: Kind
    name: str
    version: str
    purl: str
    sha256: str
    """Of its file; empty for a commit inside a source tree, which its version names."""
    file: str
    uses: tuple[str, ...]
    """Layers and wheels that took it, a builder stack's with that stack's name."""
    inside: bool
    """Whether it is in the image; else it was needed only to make what is."""
    locked: bool = True
    """Whether the lock names it; else the build made it or the checkout holds it."""
    sources: tuple[str, ...] = ()
    """sha256 of what it was built from, and with."""
    licence: Licence = UNKNOWN

    @property
    def ref(self) -> str:
        """Name it inside a document, the same in each."""
        short = self.sha256[:16] or self.version[:16]
        return f"{self.kind}-{ROOM.sub('-', self.name).strip('-')}-{short}"


def of_entry(entry: Entry, use: str, inside: bool) -> Component:
    """Describe an input that the lock names; `use` says what took it."""
    kind, purl = _identity(entry)
    file = entry.path.rpartition("/")[2]
    name = _name(entry)
    return Component(kind, name, entry.version, purl, entry.sha256, file, (use,), inside)


def joined(one: Component, other: Component) -> Component:
    """Make one of two findings of the same bytes: in the image if either is."""
    uses = tuple(sorted({*one.uses, *other.uses}))
    first = one if one.inside or not other.inside else other
    return replace(first, uses=uses, locked=one.locked or other.locked)


def package_url(
    kind: str, name: str, version: str = "", qualifiers: Mapping[str, str] | None = None
) -> str:
    """Write a package URL; `name` may have namespaces before it (`debian/dash`)."""
    path = "/".join(quote(part, safe="") for part in name.split("/"))
    at = f"@{quote(version, safe=':')}" if version else ""
    told = sorted((qualifiers or {}).items())
    tail = "&".join(f"{key}={quote(value, safe=':/')}" for key, value in told if value)
    return f"pkg:{kind}/{path}{at}" + (f"?{tail}" if tail else "")


def pypi_url(file: str) -> str:
    """Write the package URL of a wheel or sdist by its file name."""
    name, version = project_of(file)
    return package_url("pypi", name, version, {"file_name": file})


def project_of(file: str) -> tuple[str, str]:
    """Read name (normalised) and version off the file name of a wheel or sdist."""
    stem = re.sub(r"\.(whl|zip|tar\.[a-z0-9]+)$", "", file)
    parts = stem.split("-") if file.endswith(".whl") else stem.rsplit("-", 1)
    name = re.sub(r"[-_.]+", "-", parts[0]).lower()
    return name, parts[1] if len(parts) > 1 else ""


def _name(entry: Entry) -> str:
    if entry.origin == "registry":
        return entry.name.partition(" ")[0]
    if entry.origin == "git":
        return entry.path.partition("@")[0].rpartition(":")[2]
    return entry.name


def _identity(entry: Entry) -> tuple[Kind, str]:
    """Tell what an entry is, and its package URL."""
    file = entry.path.rpartition("/")[2]
    if entry.origin == "debian":
        architecture = file.removesuffix(".deb").rpartition("_")[2]
        told = {"arch": architecture, "distro": entry.suite}
        return "deb", package_url("deb", f"debian/{entry.name}", entry.version, told)
    if entry.origin == "python":
        return ("wheel" if file.endswith(".whl") else "source"), pypi_url(file)
    if entry.origin == "registry":
        repository = entry.name.partition(" ")[0]
        last = repository.rpartition("/")[2]
        return "image", package_url("oci", last, f"sha256:{entry.sha256}")
    checksum = {"checksum": f"sha256:{entry.sha256}"}
    if entry.origin in ("git", "lfs") and entry.path.startswith("github:"):
        return _on_github(entry)
    if entry.origin == "git":
        return "source", package_url("generic", file, entry.version, checksum)
    name = file if entry.origin == "file" else entry.name.rpartition("/")[2]
    return "file", package_url("generic", name, entry.version, checksum)


def _on_github(entry: Entry) -> tuple[Kind, str]:
    repository = entry.path.removeprefix("github:").partition("@")[0]
    url = package_url("github", repository.lower(), entry.version)
    return ("source", url) if entry.origin == "git" else ("file", f"{url}#{quote(entry.name)}")
