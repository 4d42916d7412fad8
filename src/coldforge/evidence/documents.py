"""An image's documents, read and taken apart."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from coldforge.errors import ColdforgeError
from coldforge.evidence import cyclonedx, generate, provenance, spdx
from coldforge.evidence.generate import KINDS, Artifact
from coldforge.evidence.subject import ImageSubject
from coldforge.image.layers.context import BuildContext

Document = dict[str, Any]
SHOWN = 3  # names of a list that are shown


@dataclass(frozen=True)
class Evidence:
    """The evidence of one image; each document is there once, or ColdforgeError is raised."""

    context: BuildContext
    subject: ImageSubject

    @cached_property
    def artifacts(self) -> list[Artifact]:
        """List what the layout holds of it."""
        return generate.artifacts(self.context.layout, self.subject.manifest.digest)

    @cached_property
    def manifest(self) -> Document:
        """Read the image's manifest."""
        return self.context.layout.read(self.subject.manifest.digest)

    @cached_property
    def statement(self) -> Document:
        """Read the provenance."""
        return self.load(provenance.MEDIA_TYPE)

    @cached_property
    def bom(self) -> Document:
        """Read the SBOM in CycloneDX's form."""
        return self.load(cyclonedx.MEDIA_TYPE)

    @property
    def needs(self) -> list[Document]:
        """List what the provenance says was used."""
        found: list[Document] = self.statement["predicate"]["buildDefinition"][
            "resolvedDependencies"
        ]
        return found

    @property
    def products(self) -> list[Document]:
        """List what the provenance says was made."""
        found: list[Document] = self.statement["predicate"]["runDetails"]["byproducts"]
        return found

    def artifact(self, media_type: str) -> Artifact:
        """Find the one document of a kind."""
        found = [artifact for artifact in self.artifacts if artifact.media_type == media_type]
        if len(found) != 1:
            count = "no" if not found else str(len(found))
            raise ColdforgeError(f"the image has {count} {KINDS[media_type]}")
        return found[0]

    def load(self, media_type: str) -> Document:
        """Read the one document of a kind."""
        return generate.load(self.context.layout, self.artifact(media_type))


def named(items: list[Document], name: str) -> list[str]:
    """List the sha256 of the items of one name: one, if all is well."""
    return [sha256(item) for item in items if item["name"] == name]


def sha256(item: Document) -> str:
    """Read the digest of a resource; hex."""
    return str(item["digest"]["sha256"])


def image_in(packages: list[Document]) -> Document:
    """Find the image among the packages of an SPDX document."""
    (image,) = [package for package in packages if package["SPDXID"] == spdx.IMAGE]
    return image


def digests(document: Document) -> list[str]:
    """List the sha256 of an SBOM's components, the image's own left out."""
    if "packages" in document:
        parts = [part for part in document["packages"] if part["SPDXID"] != spdx.IMAGE]
        return [item["checksumValue"] for part in parts for item in part.get("checksums", [])]
    return [item["content"] for part in document["components"] for item in part.get("hashes", [])]


def shortened(names: list[str]) -> str:
    """Write the first names of a list, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
