"""image.evidence, image.attest: SBOMs, provenance and attestations of an image."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from coldforge.tasks._command import emit, task

if TYPE_CHECKING:
    from coldforge.evidence.verify import EvidenceCheck
    from coldforge.image.layers.context import BuildContext

STACK = "Name of docker/stacks/NAME.toml."
JSON = "Print the result for programs."


@partial(
    task,
    help={
        "stack": STACK,
        "out": "Folder to write the documents into.",
        "verify": "Check image, documents and signatures; exit 1 if any check fails.",
        "json": JSON,
    },
)
def evidence(
    context: Context, stack: str = "cpu", out: str = "", verify: bool = False, json: bool = False
) -> None:
    """Show, write or check an image's SBOMs, provenance and attestations, without network.

    Example: invoke image.evidence --stack cpu --verify
    """
    from coldforge.evidence import generate
    from coldforge.evidence.built_wheels import built_here
    from coldforge.evidence.subject import find
    from coldforge.evidence.verify import verify as run
    from coldforge.image.build.build import build_context
    from coldforge.paths import Workspace

    place = build_context(Workspace.find(), stack)
    image = find(place.layout, stack)
    digest = image.manifest.digest
    if not verify and (built_here(place, digest) or generate.lacks(place.layout, digest)):
        generate.renew(place, image)
    written = generate.export_files(place.layout, digest, Path(out)) if out else []
    if verify:
        checks = run(place, image)
        emit([check._asdict() for check in checks], json, "\n".join(map(_line, checks)))
        raise SystemExit(any(check.outcome == "FAILED" for check in checks))
    papers = generate.artifacts(place.layout, digest)
    lines = [f"{paper.media_type:<42} {paper.size:>9,}  {paper.digest}" for paper in papers]
    result = {
        "stack": stack,
        "digest": digest,
        "evidence": [paper._asdict() for paper in papers],
        "files": [str(path) for path in written],
    }
    lines += map(str, written)
    emit(result, json, "\n".join(lines))


@partial(
    task,
    help={"stack": STACK, "key": "Private key file, as key.make makes it.", "json": JSON},
)
def attest(context: Context, key: str, stack: str = "cpu", json: bool = False) -> None:
    """Sign that this image was built here from the inputs in its provenance.

    Example: invoke image.attest --stack cpu --key ~/.config/coldforge/anna
    """
    from coldforge.evidence.attest import attest as sign
    from coldforge.evidence.subject import find
    from coldforge.image.build.build import build_context
    from coldforge.paths import Workspace

    place = build_context(Workspace.find(), stack)
    image = find(place.layout, stack)
    done = sign(place, image, Path(key).expanduser())
    result = {"stack": stack, "digest": image.manifest.digest, **done._asdict()}
    verb = "attested" if done.new else "was already attested"
    emit(result, json, f"{stack} {image.manifest.digest} {verb} by {done.keyid}")


def kept(place: "BuildContext") -> None:
    """Write the evidence of an image that was just built, unless it is there already."""
    from coldforge.errors import NotFetchedError
    from coldforge.evidence import generate
    from coldforge.evidence.subject import find
    from coldforge.progress import say

    try:
        generate.write(place, find(place.layout, place.stack.name))
    except NotFetchedError as error:  # built from the cache; its inputs are no longer in the mirror
        say(f"note: no evidence of {place.stack.name}: {error.message}; {error.hint}")


def _line(check: "EvidenceCheck") -> str:
    mark = "skipped:" if check.outcome == "skipped" else f"{check.outcome:<8}"
    return f"{check.name:<22} {mark} {check.said}"
