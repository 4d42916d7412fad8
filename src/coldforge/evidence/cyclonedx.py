"""An SBOM in CycloneDX's form.

Source: CycloneDX 1.6 (ECMA-424), JSON.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from coldforge import __version__
from coldforge.evidence.components import Component
from coldforge.evidence.licences.licence import NOASSERTION
from coldforge.evidence.subject import ImageSubject

if TYPE_CHECKING:
    from cyclonedx.model import HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component as Part
    from packageurl import PackageURL

MEDIA_TYPE = "application/vnd.cyclonedx+json"
TYPES = {"file": "file", "image": "container"}


def sbom(subject: ImageSubject, components: Iterable[Component]) -> bytes:
    """Write the SBOM of an image; equal images and components give equal bytes."""
    from cyclonedx.output.json import JsonV1Dot6

    return JsonV1Dot6(_bom(subject, list(components))).output_as_string(indent=1).encode()


def _bom(subject: ImageSubject, components: list[Component]) -> "Bom":
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component as Part
    from cyclonedx.model.component import ComponentType
    from cyclonedx.model.tool import ToolRepository

    tool = Part(name="coldforge", version=__version__, type=ComponentType.APPLICATION)
    image = Part(
        name=subject.name,
        version=subject.manifest.digest,
        type=ComponentType.CONTAINER,
        bom_ref="image",
        purl=_url(subject.purl),
        hashes=_hashes(subject.sha256),
    )
    parts = {one.sha256 or one.purl: _part(one) for one in components}
    bom = Bom(
        serial_number=UUID(subject.uuid),
        metadata=BomMetaData(
            timestamp=subject.time, component=image, tools=ToolRepository(components=[tool])
        ),
        components=parts.values(),
    )
    bom.register_dependency(image, [part for one, part in _pairs(components, parts) if one.inside])
    for one, part in _pairs(components, parts):
        bom.register_dependency(part, [parts[sha256] for sha256 in one.sources if sha256 in parts])
    return bom


def _pairs(components: list[Component], parts: "dict[str, Part]") -> "list[tuple[Component, Part]]":
    return [(one, parts[one.sha256 or one.purl]) for one in components]


def _part(one: Component) -> "Part":
    from cyclonedx.model import Property
    from cyclonedx.model.component import Component as Part
    from cyclonedx.model.component import ComponentScope, ComponentType
    from cyclonedx.model.license import LicenseAcknowledgement, LicenseExpression

    said = one.licence.expression
    declared = LicenseExpression(said, acknowledgement=LicenseAcknowledgement.DECLARED)
    told = {"coldforge:file": one.file, "coldforge:used-by": ", ".join(one.uses)}
    return Part(
        name=one.name,
        version=one.version or None,
        type=ComponentType(TYPES.get(one.kind, "library")),
        bom_ref=one.ref,
        purl=_url(one.purl),
        hashes=_hashes(one.sha256),
        scope=ComponentScope.REQUIRED if one.inside else ComponentScope.EXCLUDED,
        licenses=[] if said == NOASSERTION else [declared],
        properties=[Property(name=name, value=value) for name, value in told.items()],
    )


def _url(text: str) -> "PackageURL":
    from packageurl import PackageURL

    return PackageURL.from_string(text)


def _hashes(sha256: str) -> "list[HashType]":
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else []
