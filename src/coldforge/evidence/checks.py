"""Checks of an image's documents against the lock, the image and each other."""

import re
import tarfile
from email.parser import BytesHeaderParser
from typing import IO, NamedTuple

from coldforge.errors import ColdforgeError
from coldforge.evidence import components as content
from coldforge.evidence import generate, provenance, spdx
from coldforge.evidence.built_wheels import LOCK, check_built, labels_of
from coldforge.evidence.documents import (
    Document,
    Evidence,
    digests,
    image_in,
    named,
    sha256,
    shortened,
)
from coldforge.evidence.generate import KINDS
from coldforge.image.oci.layout import Layout
from coldforge.stack.lock import lock_digest

PACKAGES = ("deb", "pypi")  # package URLs' types


class SkipCheck(Exception):  # noqa: N818 - no error
    """A check that cannot be run here, and why."""


def subject(evidence: Evidence) -> str:
    """Check that each document is about this image."""
    (about,) = evidence.statement["subject"]
    claimed = {
        "provenance": sha256(about),
        "CycloneDX": evidence.bom["metadata"]["component"]["hashes"][0]["content"],
        "SPDX": image_in(evidence.load(spdx.MEDIA_TYPE)["packages"])["checksums"][0][
            "checksumValue"
        ],
    }
    for form, digest in claimed.items():
        if digest != evidence.subject.sha256:
            raise ColdforgeError(f"{form} is about another image: sha256:{digest}")
    return evidence.subject.manifest.digest


def layers(evidence: Evidence) -> str:
    """Check that manifest, config and provenance name the same layers."""
    served = [layer["digest"] for layer in evidence.manifest["layers"]]
    config = evidence.context.layout.read(evidence.manifest["config"]["digest"])
    made = [item for item in evidence.products if item["name"].startswith("layer/")]
    if not served == config["rootfs"]["diff_ids"] == [f"sha256:{sha256(item)}" for item in made]:
        raise ColdforgeError("manifest, config and provenance name different layers")
    return f"{len(made)} layers"


def lock(evidence: Evidence) -> str:
    """Check that image, provenance and checkout name the same locks."""
    context = evidence.context
    labelled = labels_of(context.layout, evidence.subject.manifest.digest).get(LOCK, "")
    claimed = named(evidence.needs, provenance.lock_name(context))
    if [labelled] != [f"sha256:{digest}" for digest in claimed]:
        raise ColdforgeError(
            f"the image names lock {labelled}, its provenance {shortened(claimed)}"
        )
    _same_locks(evidence)
    return labelled


def components(evidence: Evidence, media_type: str) -> str:
    """Check that an SBOM lists what the lock and the provenance name, each once, and no more."""
    found = digests(evidence.load(media_type))
    if twice := sorted({digest for digest in found if found.count(digest) > 1}):
        raise ColdforgeError(f"listed twice: {shortened(twice)}")
    artifact = evidence.artifact(media_type)
    if named(evidence.products, f"sbom/{KINDS[media_type]}") != [artifact.digest[len("sha256:") :]]:
        raise ColdforgeError("it is not the SBOM that the provenance names")
    _same_locks(evidence)
    recipes = evidence.context.stack.layers.values()
    files = {file for recipe in recipes for file in recipe.inputs.files}
    due = {one.sha256 for one in content.locked(evidence.context)}
    due |= {sha256(item) for item in evidence.products if item["name"].startswith("wheel/")}
    due |= {sha256(item) for item in evidence.needs if item["name"] in files}
    if absent := sorted(due - set(found)):
        raise ColdforgeError(f"not listed: {shortened(absent)}")
    if foreign := sorted(set(found) - due):
        raise ColdforgeError(f"listed, but neither locked nor built: {shortened(foreign)}")
    return f"{len(found)} components"


def packages(evidence: Evidence) -> str:
    """Check that the packages recorded in the image are those of its SBOM.

    A wheel whose files went to places of their own leaves no record in the image.
    """
    parts = evidence.bom["components"]
    if any(part["type"] == "container" for part in parts):
        raise SkipCheck("its base image brings packages that no lock names")
    held = [part for part in parts if part["scope"] == "required"]
    debs, wheels = ({(p["name"], p["version"]) for p in held if _is(p, k)} for k in PACKAGES)
    served = [layer["digest"] for layer in evidence.manifest["layers"]]
    found = inventory(evidence.context.layout, served)
    if wrong := [*(found.debs ^ debs), *(found.wheels - wheels)]:
        names = sorted(f"{name} {version}" for name, version in wrong)
        raise ColdforgeError(f"in the image or in its SBOM, not in both: {shortened(names)}")
    return f"{len(found.debs)} of dpkg, {len(found.wheels)} of Python"


def again(evidence: Evidence) -> str:
    """Make each document again from the inputs, where the image was built here."""
    context = evidence.context
    try:
        check_built(context, evidence.subject.manifest.digest)
        made = generate.documents(context, evidence.subject)
    except ColdforgeError as error:
        raise SkipCheck(error.message) from error
    for media_type, data in made.items():
        if generate.read(context.layout, evidence.artifact(media_type)) != data:
            raise ColdforgeError(f"{KINDS[media_type]}, made again, differs")
    return f"{len(made)} documents, byte for byte"


def _same_locks(evidence: Evidence) -> None:
    """Skip what compares with a lock that has changed since."""
    for at in filter(None, (evidence.context, evidence.context.builder)):
        path = at.space.lock(at.stack.name)
        if named(evidence.needs, provenance.lock_name(at)) != [lock_digest(path)]:
            raise SkipCheck(f"the image was built from another state of {path.name}")


def _is(part: Document, kind: str) -> bool:
    return str(part["purl"]).startswith(f"pkg:{kind}/")


STATUS = "var/lib/dpkg/status"
INSTALLED = re.compile(r".*/(?:dist|site)-packages/[^/]+\.dist-info/METADATA")

Package = tuple[str, str]


class InstalledPackages(NamedTuple):
    """Names and versions of what is installed."""

    debs: set[Package]
    wheels: set[Package]


def inventory(layout: Layout, layers: list[str]) -> InstalledPackages:
    """Read the package lists of an image of `layers` (digests, from the bottom up).

    The uppermost list of dpkg counts. Raise ColdforgeError if a layer is not there or no tar.
    """
    found = InstalledPackages(set(), set())
    for digest in layers:
        try:
            with tarfile.open(layout.blob(digest), mode="r:") as archive:
                for info in archive:
                    if info.name == STATUS:
                        found = found._replace(debs=_debs(archive.extractfile(info)))
                    elif INSTALLED.fullmatch(info.name):
                        found.wheels.add(_wheel(archive.extractfile(info)))
        except (OSError, tarfile.TarError) as error:
            raise ColdforgeError(f"layer {digest} cannot be read: {error}") from error
    return found


def _debs(content: IO[bytes] | None) -> set[Package]:
    text = content.read().decode("utf-8", "replace") if content else ""
    paragraphs = [dict(re.findall(r"^(\S+): (.*)$", part, re.M)) for part in text.split("\n\n")]
    return {
        (fields["Package"], fields.get("Version", ""))
        for fields in paragraphs
        if fields.get("Status", "").endswith(" installed") and "Package" in fields
    }


def _wheel(content: IO[bytes] | None) -> Package:
    fields = BytesHeaderParser().parsebytes(content.read() if content else b"")
    name = re.sub(r"[-_.]+", "-", str(fields.get("Name", ""))).lower()
    return name, str(fields.get("Version", ""))
