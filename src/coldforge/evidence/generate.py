"""Evidence of an image: made once after the build, stored as its referrers, exported as files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.evidence import components, cyclonedx, licence_facts, provenance, spdx
from coldforge.evidence.built_wheels import BuiltWheel, made
from coldforge.evidence.components import Component
from coldforge.evidence.provenance import BuildRecord
from coldforge.evidence.subject import ImageSubject
from coldforge.files.digest import sha256_file
from coldforge.image.layers.context import BuildContext
from coldforge.image.oci.layout import Layout

ATTESTATION = "application/vnd.dsse.envelope.v1+json"
KINDS = {
    cyclonedx.MEDIA_TYPE: "sbom.cdx.json",
    spdx.MEDIA_TYPE: "sbom.spdx.json",
    provenance.MEDIA_TYPE: "provenance.intoto.json",
}
"""What every image has -> its file's name."""


class Artifact(NamedTuple):
    """One piece of evidence as the layout holds it."""

    media_type: str
    manifest: str
    """Digest of the manifest that refers to the image."""
    digest: str
    """Digest of the document."""
    size: int


def artifacts(layout: Layout, manifest: str) -> list[Artifact]:
    """List the evidence of an image, attestations included; other referrers are passed over."""
    found = []
    for entry in layout.referrers(manifest):
        kind = entry.get("artifactType", "")
        layers = layout.read(entry["digest"])["layers"]
        if kind in (*KINDS, ATTESTATION) and len(layers) == 1:
            document = layers[0]
            found.append(Artifact(kind, entry["digest"], document["digest"], document["size"]))
    return sorted(found)


def lacks(layout: Layout, manifest: str) -> bool:
    """Tell, from the index, whether a document that every image has is missing."""
    there = {entry.get("artifactType") for entry in layout.referrers(manifest)}
    return not there.issuperset(KINDS)


def write(context: BuildContext, subject: ImageSubject) -> bool:
    """Make the evidence of an image that was just built here; tell whether any was lacking.

    Raise ColdforgeError if the image was not built here, or its inputs are gone.
    """
    lacking = lacks(context.layout, subject.manifest.digest)
    if lacking:
        renew(context, subject)
    return lacking


def renew(context: BuildContext, subject: ImageSubject) -> None:
    """Make the evidence of an image that was built here; other documents are replaced.

    That happens in a checkout with changes of its own: their revision tells no two apart.
    """
    layout, digest = context.layout, subject.manifest.digest
    made = {}
    for media_type, data in documents(context, subject).items():
        made[media_type] = layout.refer(subject.manifest, media_type, media_type, data).digest
    old = [artifact for artifact in artifacts(layout, digest) if artifact.media_type in made]
    layout.forget({p.manifest for p in old if p.manifest != made[p.media_type]})


def documents(context: BuildContext, subject: ImageSubject) -> dict[str, bytes]:
    """Write both SBOMs and the provenance: media type -> bytes."""
    with made(context, subject.manifest.digest) as wheels:
        found = licensed(context, wheels)
        sboms = {form.MEDIA_TYPE: form.sbom(subject, found) for form in (cyclonedx, spdx)}
        named = {KINDS[media_type]: data for media_type, data in sboms.items()}
        statement = provenance.statement(BuildRecord(context, subject, found, wheels, named))
    return {**sboms, provenance.MEDIA_TYPE: statement}


def licensed(context: BuildContext, wheels: list[BuiltWheel]) -> list[Component]:
    """List the components of an image with their licences."""
    found = components.components(context, wheels)
    own: Mapping[str, Path] = {sha256_file(wheel.path): wheel.path for wheel in wheels}

    def find(one: Component) -> Path:
        stack = context.stack.name
        hint = f"run: ./invokew mirror.fetch --stack {stack}"
        known = own.get(one.sha256)
        return known or context.store.need(one.sha256, f"{one.name} {one.version}", hint)

    said = licence_facts.facts(found, find, context.space.build / "cache" / "licences.json")
    return components.licensed(found, said)


def read(layout: Layout, artifact: Artifact) -> bytes:
    """Read a piece of evidence; raise ColdforgeError if its bytes are not those it was."""
    try:
        data = layout.blob(artifact.digest).read_bytes()
    except FileNotFoundError as error:
        message = f"{layout.root.name} lacks blob {artifact.digest}"
        raise ColdforgeError(message, "get the image again from its source") from error
    if f"sha256:{hashlib.sha256(data).hexdigest()}" != artifact.digest:
        message = f"evidence {artifact.digest} is damaged"
        raise ColdforgeError(message, "get the image again from its source")
    return data


def load(layout: Layout, artifact: Artifact) -> dict[str, Any]:
    """Read a piece of evidence as JSON; raise ColdforgeError."""
    try:
        document = json.loads(read(layout, artifact))
    except (ValueError, RecursionError) as error:
        raise ColdforgeError(f"evidence {artifact.digest} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ColdforgeError(f"evidence {artifact.digest} is not a JSON object")
    return document


def export_files(layout: Layout, manifest: str, folder: Path) -> list[Path]:
    """Write the evidence of an image as files into `folder`; return them."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for artifact in artifacts(layout, manifest):
        short = artifact.digest.removeprefix("sha256:")[:12]
        path = folder / KINDS.get(artifact.media_type, f"attestation-{short}.dsse.json")
        path.write_bytes(read(layout, artifact))
        written.append(path)
    return written
