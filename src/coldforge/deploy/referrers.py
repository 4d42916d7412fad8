"""Push what refers to an image: its SBOMs, provenance and attestations.

Source: OCI distribution-spec v1.1, "Pushing Manifests with Subject", "Referrers Tag Schema".
"""

import json
from typing import Any

from coldforge.deploy.image import read_checked
from coldforge.files.digest import canonical_json
from coldforge.image.oci.index import INDEX
from coldforge.image.oci.layout import MANIFEST, Layout
from coldforge.mirror.http.registry import RegistryClient

Descriptor = dict[str, Any]


def referring(layout: Layout, digest: str) -> dict[str, list[Descriptor]]:
    """Map each manifest to the descriptors of what refers to it, from `digest` on upwards."""
    found: dict[str, list[Descriptor]] = {}
    left = [digest]
    while left:
        subject = left.pop()
        there = layout.referrers(subject)
        if there and subject not in found:
            found[subject] = there
            left += [entry["digest"] for entry in there]
    return found


def put_manifest(client: RegistryClient, layout: Layout, digest: str, tag: str = "") -> bool:
    """Put a manifest under its digest or a tag; return whether the registry kept its subject."""
    data = read_checked(layout, digest)
    return client.put_manifest(tag or digest, data, json.loads(data).get("mediaType", MANIFEST))


def put_referrers(
    client: RegistryClient, layout: Layout, subject: str, entries: list[Descriptor]
) -> int:
    """Put what refers to `subject` and is not listed there; return how many were put.

    For a registry that has no referrers API the list is kept as an index under a tag.
    """
    listed = client.list_index("referrers", subject)
    has_api = listed is not None
    fallback = subject.replace(":", "-")
    if listed is None:
        listed = client.list_index("manifests", fallback) or []
    there = {entry.get("digest") for entry in listed}
    absent = [entry for entry in entries if entry["digest"] not in there]
    subjects = [put_manifest(client, layout, entry["digest"]) for entry in absent]
    if absent and not has_api and not all(subjects):
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, *absent]}
        client.put_manifest(fallback, canonical_json(document), INDEX)
    return len(absent)
