"""Manifests of what refers to an image: its SBOMs, its provenance, attestations of it.

Source: OCI image-spec v1.1, manifest.md, "Guidelines for Artifact Usage".
"""

from typing import Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"

Document = dict[str, Any]


def manifest(
    artifact_type: str, parts: tuple[Document, Document, Document], annotations: dict[str, str]
) -> Document:
    """Describe an artifact of `parts` (subject, config, layer; descriptors) as a manifest."""
    subject, config, layer = parts
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": config,
        "layers": [layer],
        "subject": subject,
    }
    return document | ({"annotations": annotations} if annotations else {})


def summary(document: Document) -> Document:
    """Say what an index repeats of an artifact's manifest: its type and its annotations."""
    return {key: document[key] for key in ("artifactType", "annotations") if key in document}


def subject(document: Document) -> str:
    """Give the digest of the manifest that this one refers to; empty if none."""
    return str((document.get("subject") or {}).get("digest", ""))
