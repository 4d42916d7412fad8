"""What an image's documents claim, held against the lock, the image and each other."""

from coldforge.errors import ColdforgeError
from coldforge.evidence import components as content
from coldforge.evidence import generate, provenance, spdx
from coldforge.evidence.built_wheels import LOCK, check_built, labels_of
from coldforge.evidence.documents import Document, Dossier, digests, image_in, named, sha256, some
from coldforge.evidence.generate import KINDS
from coldforge.evidence.inventory import inventory
from coldforge.stack.lock import lock_digest

PACKAGES = ("deb", "pypi")  # package URLs' types


class Skip(Exception):  # noqa: N818 - no error
    """Say why a check cannot be run here."""


def subject(dossier: Dossier) -> str:
    """See that each document says it is about this image."""
    (about,) = dossier.statement["subject"]
    claimed = {
        "provenance": sha256(about),
        "CycloneDX": dossier.bom["metadata"]["component"]["hashes"][0]["content"],
        "SPDX": image_in(dossier.load(spdx.MEDIA_TYPE)["packages"])["checksums"][0][
            "checksumValue"
        ],
    }
    for form, digest in claimed.items():
        if digest != dossier.subject.sha256:
            raise ColdforgeError(f"{form} is about another image: sha256:{digest}")
    return dossier.subject.manifest.digest


def layers(dossier: Dossier) -> str:
    """See that manifest, config and provenance name the same layers."""
    served = [layer["digest"] for layer in dossier.manifest["layers"]]
    config = dossier.context.layout.read(dossier.manifest["config"]["digest"])
    made = [item for item in dossier.products if item["name"].startswith("layer/")]
    if not served == config["rootfs"]["diff_ids"] == [f"sha256:{sha256(item)}" for item in made]:
        raise ColdforgeError("manifest, config and provenance name different layers")
    return f"{len(made)} layers"


def lock(dossier: Dossier) -> str:
    """See that image, provenance and checkout mean the same locks."""
    context = dossier.context
    labelled = labels_of(context.layout, dossier.subject.manifest.digest).get(LOCK, "")
    claimed = named(dossier.needs, provenance.lock_name(context))
    if [labelled] != [f"sha256:{digest}" for digest in claimed]:
        raise ColdforgeError(f"the image names lock {labelled}, its provenance {some(claimed)}")
    _same_locks(dossier)
    return labelled


def components(dossier: Dossier, media_type: str) -> str:
    """See that an SBOM lists what the lock and the provenance name, each once, and no more."""
    found = digests(dossier.load(media_type))
    if twice := sorted({digest for digest in found if found.count(digest) > 1}):
        raise ColdforgeError(f"listed twice: {some(twice)}")
    paper = dossier.paper(media_type)
    if named(dossier.products, f"sbom/{KINDS[media_type]}") != [paper.digest[len("sha256:") :]]:
        raise ColdforgeError("it is not the SBOM that the provenance names")
    _same_locks(dossier)
    recipes = dossier.context.stack.layers.values()
    files = {file for recipe in recipes for file in recipe.inputs.files}
    due = {one.sha256 for one in content.locked(dossier.context)}
    due |= {sha256(item) for item in dossier.products if item["name"].startswith("wheel/")}
    due |= {sha256(item) for item in dossier.needs if item["name"] in files}
    if absent := sorted(due - set(found)):
        raise ColdforgeError(f"not listed: {some(absent)}")
    if foreign := sorted(set(found) - due):
        raise ColdforgeError(f"listed, but neither locked nor built: {some(foreign)}")
    return f"{len(found)} components"


def packages(dossier: Dossier) -> str:
    """See that the packages the image itself knows of are those its SBOM says it holds.

    A wheel whose files went to places of their own leaves no record in the image.
    """
    parts = dossier.bom["components"]
    if any(part["type"] == "container" for part in parts):
        raise Skip("its base image brings packages that no lock names")
    held = [part for part in parts if part["scope"] == "required"]
    debs, wheels = ({(p["name"], p["version"]) for p in held if _is(p, k)} for k in PACKAGES)
    served = [layer["digest"] for layer in dossier.manifest["layers"]]
    found = inventory(dossier.context.layout, served)
    if wrong := [*(found.debs ^ debs), *(found.wheels - wheels)]:
        names = sorted(f"{name} {version}" for name, version in wrong)
        raise ColdforgeError(f"in the image or in its SBOM, not in both: {some(names)}")
    return f"{len(found.debs)} of dpkg, {len(found.wheels)} of Python"


def again(dossier: Dossier) -> str:
    """Make each document again from the inputs, where the image was built here."""
    context = dossier.context
    try:
        check_built(context, dossier.subject.manifest.digest)
        made = generate.documents(context, dossier.subject)
    except ColdforgeError as error:
        raise Skip(error.message) from error
    for media_type, data in made.items():
        if generate.read(context.layout, dossier.paper(media_type)) != data:
            raise ColdforgeError(f"{KINDS[media_type]}, made again, differs")
    return f"{len(made)} documents, byte for byte"


def _same_locks(dossier: Dossier) -> None:
    """Skip what compares with a lock that has changed since."""
    for at in filter(None, (dossier.context, dossier.context.builder)):
        path = at.space.lock(at.stack.name)
        if named(dossier.needs, provenance.lock_name(at)) != [lock_digest(path)]:
            raise Skip(f"the image was built from another state of {path.name}")


def _is(part: Document, kind: str) -> bool:
    return str(part["purl"]).startswith(f"pkg:{kind}/")
