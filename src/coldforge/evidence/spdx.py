"""An SBOM in SPDX's form.

Source: SPDX specification 2.3, chapters 6, 7, 10 and 11; its JSON schema.
"""

from collections.abc import Iterable
from typing import Any

from coldforge import __version__
from coldforge.evidence.components import Component
from coldforge.evidence.licences.licence import NOASSERTION
from coldforge.evidence.subject import ImageSubject
from coldforge.files.digest import canonical_json

MEDIA_TYPE = "application/spdx+json"
PURPOSES = {"source": "SOURCE", "file": "FILE", "image": "CONTAINER"}
IMAGE = "SPDXRef-image"

Document = dict[str, Any]


def sbom(subject: ImageSubject, components: Iterable[Component]) -> bytes:
    """Write the SBOM of an image; equal images and components give equal bytes."""
    parts = list(components)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": subject.name,
        "documentNamespace": f"urn:uuid:{subject.uuid}",
        "creationInfo": {
            "created": subject.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": [f"Tool: coldforge-{__version__}"],
        },
        "packages": [_image(subject), *map(_package, parts)],
        "relationships": _relationships(parts),
    }
    names = {key: name for one in parts for key, name in one.licence.names.items()}
    if names:
        document["hasExtractedLicensingInfos"] = [
            {
                "licenseId": key,
                "name": name,
                "extractedText": f"The package's own name for it: {name}",
            }
            for key, name in sorted(names.items())
        ]
    return canonical_json(document)


def _image(subject: ImageSubject) -> Document:
    told = _common(subject.name, subject.manifest.digest, subject.purl, subject.sha256)
    return told | {"SPDXID": IMAGE, "primaryPackagePurpose": "CONTAINER"}


def _package(one: Component) -> Document:
    told = _common(one.name, one.version, one.purl, one.sha256)
    if one.kind == "deb":
        told["supplier"] = "Organization: Debian"
    return told | {
        "SPDXID": f"SPDXRef-{one.ref}",
        "packageFileName": one.file,
        "licenseDeclared": one.licence.expression,
        "sourceInfo": f"used by {', '.join(one.uses)}",
        "primaryPackagePurpose": PURPOSES.get(one.kind, "LIBRARY"),
    }


def _common(name: str, version: str, purl: str, sha256: str) -> Document:
    checksums = [{"algorithm": "SHA256", "checksumValue": sha256}] if sha256 else []
    reference = {
        "referenceCategory": "PACKAGE-MANAGER",
        "referenceType": "purl",
        "referenceLocator": purl,
    }
    told = {
        "name": name,
        "downloadLocation": NOASSERTION,
        "filesAnalyzed": False,
        "licenseConcluded": NOASSERTION,
        "licenseDeclared": NOASSERTION,
        "copyrightText": NOASSERTION,
        "externalRefs": [reference],
    }
    return (
        told
        | ({"versionInfo": version} if version else {})
        | {key: value for key, value in {"checksums": checksums}.items() if value}
    )


def _relationships(parts: list[Component]) -> list[Document]:
    """Say what the document describes, what the image holds, what built what."""
    by_digest = {one.sha256: one for one in parts if one.sha256}
    lines = [("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE)]
    for one in parts:
        own = f"SPDXRef-{one.ref}"
        lines.append(
            (IMAGE, "CONTAINS", own) if one.inside else (own, "BUILD_DEPENDENCY_OF", IMAGE)
        )
        for source in (by_digest[sha256] for sha256 in one.sources if sha256 in by_digest):
            other = f"SPDXRef-{source.ref}"
            is_source = source.kind != "wheel"
            lines.append(
                (own, "GENERATED_FROM", other) if is_source else (other, "BUILD_DEPENDENCY_OF", own)
            )
    return [
        {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
        for one, kind, other in lines
    ]
