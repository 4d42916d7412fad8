"""What an entry is to the rest of the world: its kind, its name and its package URL."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["deb", "wheel", "source", "file", "image"]


class Identity(NamedTuple):
    """How documents name an input."""

    kind: Kind
    """Decides how licences are read and which CycloneDX and SPDX type it has."""
    name: str
    package_url: str


def package_url(
    kind: str,
    name: str,
    version: str = "",
    qualifiers: Mapping[str, str] | None = None,
    subpath: str = "",
) -> str:
    """Write a canonical package URL; `name` may have a namespace before it (`debian/dash`).

    Source: ECMA-427, Package-URL.
    """
    from packageurl import PackageURL

    namespace, _, last = name.rpartition("/")
    url = PackageURL(
        kind, namespace or None, last, version or None, dict(qualifiers or {}), subpath or None
    )
    return str(url.to_string())


def generic_url(name: str, version: str, sha256: str) -> str:
    """Write the package URL of a file that no package manager knows, with its checksum."""
    return package_url("generic", name, version, {"checksum": f"sha256:{sha256}"})
