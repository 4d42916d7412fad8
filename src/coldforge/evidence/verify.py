"""Check an image and its evidence offline: bytes, SBOMs, provenance, signatures."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.evidence import checks as claims
from coldforge.evidence import cyclonedx, generate, provenance, spdx
from coldforge.evidence.attest import attesters, signatures
from coldforge.evidence.checks import SkipCheck
from coldforge.evidence.documents import Evidence, shortened
from coldforge.evidence.subject import ImageSubject
from coldforge.files.digest import sha256_file
from coldforge.image.layers.context import BuildContext
from coldforge.image.oci.layout import blobs_of
from coldforge.progress import step
from coldforge.trust.trust import read_trust

Run = Callable[[Evidence], str]
"""Say what was found; raise Skip, or ColdforgeError where something is wrong."""


class EvidenceCheck(NamedTuple):
    """One check: what about, how it ended, and what was found or why it was not run."""

    name: str
    outcome: Literal["passed", "FAILED", "skipped"]
    said: str


def verify(context: BuildContext, subject: ImageSubject) -> list[EvidenceCheck]:
    """Run every check on the image and its evidence; one that fails stops no other."""
    checks: dict[str, Run] = {
        "bytes": _bytes,
        "subject": claims.subject,
        "layers": claims.layers,
        "lock": claims.lock,
        "components, CycloneDX": partial(claims.components, media_type=cyclonedx.MEDIA_TYPE),
        "components, SPDX": partial(claims.components, media_type=spdx.MEDIA_TYPE),
        "packages": claims.packages,
        "made again": claims.again,
        "signatures": _signatures,
    }
    evidence = Evidence(context, subject)
    return [_run(name, check, evidence) for name, check in checks.items()]


def _run(name: str, check: Run, evidence: Evidence) -> EvidenceCheck:
    try:
        return EvidenceCheck(name, "passed", check(evidence))
    except SkipCheck as why:
        return EvidenceCheck(name, "skipped", str(why))
    except ColdforgeError as error:
        return EvidenceCheck(name, "FAILED", error.message)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        return EvidenceCheck(name, "FAILED", f"a document lacks a required field: {error!r}")


def _bytes(evidence: Evidence) -> str:
    """Hash every blob of the image and of its evidence again."""
    layout = evidence.context.layout
    manifests = [
        evidence.subject.manifest.digest,
        *(artifact.manifest for artifact in evidence.artifacts),
    ]
    digests = sorted({*manifests, *(d for m in manifests for d in blobs_of(layout.read(m)))})
    if missing := [digest for digest in digests if not layout.blob(digest).is_file()]:
        raise ColdforgeError(f"missing: {shortened(missing)}")
    size = sum(layout.blob(digest).stat().st_size for digest in digests)
    with step(f"Hashing {evidence.subject.name}", size) as progress:
        wrong = [d for d in digests if not _is_right(layout.blob(d), progress.advance)]
    if wrong:
        raise ColdforgeError(f"damaged: {shortened(wrong)}")
    return f"{len(digests)} blobs, {size:,} bytes"


def _is_right(path: Path, advance: Callable[[int], None]) -> bool:
    return sha256_file(path, advance) == path.name


def _signatures(evidence: Evidence) -> str:
    """See whose attestations count here."""
    context, manifest = evidence.context, evidence.subject.manifest.digest
    given = signatures(context.layout, manifest)
    if not given:
        raise SkipCheck("nobody attested this image")
    if not context.space.trust.exists():
        raise SkipCheck("this site has no trust file")
    trust = read_trust(context.space.trust)
    good = attesters(context.layout, manifest, trust)
    if spoilt := {one.keyid for one in given if one.keyid in trust.names} - good:
        names = shortened(sorted(trust.names[keyid] for keyid in spoilt))
        raise ColdforgeError(f"the signature of {names} does not match")
    if not good:
        raise ColdforgeError("no key that is trusted here attested this image")
    statement = generate.read(context.layout, evidence.artifact(provenance.MEDIA_TYPE))
    if good != attesters(context.layout, manifest, trust, statement):
        raise ColdforgeError("what was signed is not the provenance that is here")
    return f"attested by {', '.join(sorted(trust.names[keyid] for keyid in good))}"
