"""Attestations: a site that rebuilt an image with the same bytes signs its provenance.

Source: in-toto attestation framework v1, "Envelope"; DSSE v1.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.evidence import generate, provenance
from coldforge.evidence.generate import ATTESTATION
from coldforge.evidence.subject import ImageSubject
from coldforge.image.layers.context import BuildContext
from coldforge.image.oci.layout import Layout
from coldforge.trust.envelope import Envelope, Signature, read_envelope, seal, sign
from coldforge.trust.keys import read_private
from coldforge.trust.trust import Trust, signers


class Attested(NamedTuple):
    """The result of an attestation."""

    keyid: str
    digest: str
    """Of the envelope."""
    new: bool


def attest(context: BuildContext, subject: ImageSubject, key: Path) -> Attested:
    """Sign the provenance of an image that was built here.

    A key signs once. Raise ColdforgeError if the image was not built here, or was
    said to come from something else.
    """
    private = read_private(key)
    statement = generate.documents(context, subject)[provenance.MEDIA_TYPE]
    for artifact in generate.artifacts(context.layout, subject.manifest.digest):
        held = artifact.media_type == provenance.MEDIA_TYPE
        if held and generate.read(context.layout, artifact) != statement:
            message = "the image's provenance is not what this site finds"
            hint = f"run: ./invokew image.evidence --stack {subject.name}"
            raise ColdforgeError(message, hint)
    generate.write(context, subject)
    signature = sign(provenance.MEDIA_TYPE, statement, private)
    envelope = seal(provenance.MEDIA_TYPE, statement, [signature])
    return _kept(context.layout, subject, envelope, signature.keyid)


def _kept(layout: Layout, subject: ImageSubject, envelope: Envelope, keyid: str) -> Attested:
    import msgspec

    data = msgspec.json.encode(envelope)
    before = {artifact.digest for artifact in generate.artifacts(layout, subject.manifest.digest)}
    manifest = layout.refer(subject.manifest, ATTESTATION, ATTESTATION, data)
    digest = layout.read(manifest.digest)["layers"][0]["digest"]
    return Attested(keyid, digest, digest not in before)


def attesters(
    layout: Layout, manifest_digest: str, trust: Trust, statement: bytes | None = None
) -> set[str]:
    """Return the fingerprints of the trusted keys that signed the provenance of this image.

    What is malformed, damaged, or about another image counts for nothing; nor does what is not
    `statement`, if that is given.
    """
    found: set[str] = set()
    for artifact in generate.artifacts(layout, manifest_digest):
        if artifact.media_type != ATTESTATION:
            continue
        try:
            envelope = read_envelope(generate.read(layout, artifact), "an attestation")
            payload = envelope.content
        except ColdforgeError:
            continue
        if statement not in (None, payload) or envelope.payload_type != provenance.MEDIA_TYPE:
            continue
        if _is_about(payload, manifest_digest):
            found |= signers(trust, envelope.payload_type, payload, envelope.signatures)
    return found


def signatures(layout: Layout, manifest_digest: str) -> list[Signature]:
    """List the signatures on an image's attestations, good or not."""
    found = []
    for artifact in generate.artifacts(layout, manifest_digest):
        if artifact.media_type == ATTESTATION:
            found += read_envelope(generate.read(layout, artifact), "an attestation").signatures
    return found


def _is_about(payload: bytes, manifest_digest: str) -> bool:
    """Tell whether a statement is provenance, and of this image."""
    try:
        told: Any = json.loads(payload)
        subjects = [item["digest"]["sha256"] for item in told["subject"]]
        form = (told["_type"], told["predicateType"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    expected = [manifest_digest.removeprefix("sha256:")]
    return subjects == expected and form == (provenance.STATEMENT, provenance.PREDICATE)
