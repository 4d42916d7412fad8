"""What refers to an image in the layout, made to refer to it in a registry too.

Source: OCI distribution-spec v1.1, "Pushing Manifests with Subject", "Referrers Tag Schema".
"""

import json
from typing import Any

from coldforge.deploy.image import checked
from coldforge.deploy.remote import Remote, refused
from coldforge.errors import ColdforgeError
from coldforge.files.digest import canonical_json
from coldforge.image.oci.index import INDEX
from coldforge.image.oci.layout import MANIFEST, Layout

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


def put_manifest(remote: Remote, layout: Layout, digest: str, where: str = "") -> bool:
    """Put a manifest under its digest or a tag; return whether the registry kept its subject."""
    data = checked(layout, digest)
    return _put(remote, where or digest, data, json.loads(data).get("mediaType", MANIFEST))


def put_referrers(remote: Remote, layout: Layout, subject: str, entries: list[Descriptor]) -> int:
    """Put what refers to `subject` and is not listed there; return how many were put.

    For a registry that has no referrers API the list is kept as an index under a tag.
    """
    listed = _listed(remote, remote.url("referrers", subject))
    kept = listed is not None
    fallback = subject.replace(":", "-")
    if listed is None:
        listed = _listed(remote, remote.url("manifests", fallback)) or []
    there = {entry.get("digest") for entry in listed}
    lacking = [entry for entry in entries if entry["digest"] not in there]
    subjects = [put_manifest(remote, layout, entry["digest"]) for entry in lacking]
    if lacking and not kept and not all(subjects):
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*listed, *lacking]}
        _put(remote, fallback, canonical_json(document), INDEX)
    return len(lacking)


def _listed(remote: Remote, url: str) -> list[Descriptor] | None:
    """Read an index's descriptors; None if there is none."""
    answer = remote.ask("GET", url)
    if answer.status_code != 200:
        return None
    try:
        document = json.loads(answer.content)
        if document["mediaType"] != INDEX:
            raise ValueError
        return [dict(entry) for entry in document["manifests"]]
    except (ValueError, KeyError, TypeError):
        message = f"{remote.host} lists something else than referrers at {url.rpartition('/')[2]}"
        raise ColdforgeError(message, "remove that tag from the registry") from None


def _put(remote: Remote, where: str, data: bytes, media_type: str) -> bool:
    headers = {"Content-Type": media_type}
    answer = remote.ask("PUT", remote.url("manifests", where), content=data, headers=headers)
    if answer.status_code != 201:
        raise refused(remote.host, f"the manifest for {where}", answer)
    return "oci-subject" in answer.headers
