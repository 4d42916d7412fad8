"""List the blobs that a bundle of each kind needs for a site that has nothing."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from coldforge.bundle.format.index import StoreName
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.image.layers.project import revision
from coldforge.image.oci.layout import MANIFEST, Layout, blobs_of
from coldforge.mirror.missing import entries_read
from coldforge.mirror.origins.origin import check_origins
from coldforge.mirror.status import to_bring
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, chain, check_lock, lock_digest

LAYER = "coldforge layer "  # prefix of an entry in a config's history, then the layer's name
SHOWN = 5  # missing names in an error


class RequiredBlob(msgspec.Struct, frozen=True):
    """A blob, the store it belongs to, and the file that holds it here."""

    sha256: str
    size: int
    store: StoreName
    name: str
    path: Path
    lineage: str = ""
    """A name that its other versions share: `python torch`, `layer runtime`."""


class ImageBlobs(NamedTuple):
    """A built image: its blobs, and those that refer to it."""

    digest: str
    tag: dict[str, Any]
    blobs: list[RequiredBlob]


def blobs_to_build(space: Workspace, stack: str) -> list[RequiredBlob]:
    """List the blobs that a build of a stack reads, including its builder's.

    Raise MissingInputError naming those that are missing.
    """
    links, store = chain(space, stack), Store(space.mirror / "blobs")
    for link in links:
        check_lock(link.lock, link.stack)
        check_origins(link.lock)
    entries = [entry for link in links for entry in entries_read(link.stack, link.lock)]
    names = [file.name for file in to_bring(store, links) if not file.sha256]
    return required_blobs(store, entries, stack, names)


def required_blobs(
    store: Store, entries: Iterable[Entry], stack: str, names: Iterable[str] = ()
) -> list[RequiredBlob]:
    """Find the blobs of entries; raise MissingInputError naming the missing ones and `names`."""
    found, missing = {}, list(names)
    for entry in entries:
        if not store.has(entry.sha256, entry.size):
            missing.append(f"{entry.name} {entry.version}")
        found[entry.sha256] = RequiredBlob(
            entry.sha256,
            entry.size,
            "mirror",
            f"{entry.name} {entry.version}",
            store.path(entry.sha256),
            lineage_of(entry),
        )
    if missing:
        missing = list(dict.fromkeys(missing))
        some = ", ".join(missing[:SHOWN])
        more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
        hint = f"run: ./invokew mirror.fetch --stack {stack}"
        raise MissingInputError(f"the mirror lacks {some}{more}", hint)
    return list(found.values())


def lineage_of(entry: Entry) -> str:
    """Return the name that an entry shares with its other versions."""
    return f"{entry.origin} {entry.name}"


def image_to_install(space: Workspace, stack: str) -> ImageBlobs:
    """List a built image's manifest, config, layers and evidence.

    Raise ColdforgeError if it is not built, or from another lock than the one here.
    """
    layout = Layout(space.build / "oci")
    tag = layout.tags().get(stack)
    hint = f"run: ./invokew image.build --stack {stack}"
    if tag is None:
        raise MissingInputError(f"stack '{stack}' is not built", hint)
    if labels_of(layout, tag["digest"]).get("coldforge.lock") != _lock_label(space, stack):
        raise ColdforgeError(f"the image of {stack} was built from another lock", hint)
    found = {blob.sha256: blob for blob in _parts(layout, stack, tag)}
    return ImageBlobs(
        tag["digest"],
        {key: tag[key] for key in ("mediaType", "digest", "size")},
        list(found.values()),
    )


def local_image(space: Workspace, stack: str) -> str:
    """Return the digest of the image that this revision built; empty if there is none."""
    layout = Layout(space.build / "oci")
    tag = layout.tags().get(stack)
    labels = labels_of(layout, tag["digest"]) if tag else {}
    same = labels.get("org.opencontainers.image.revision") == revision(space)
    same = same and labels.get("coldforge.lock") == _lock_label(space, stack)
    return str(tag["digest"]) if tag and same else ""


def labels_of(layout: Layout, manifest: str) -> dict[str, str]:
    """Read the labels of an image."""
    config = layout.read(layout.read(manifest)["config"]["digest"])
    return (config.get("config") or {}).get("Labels") or {}


def layer_names(config: dict[str, Any]) -> dict[str, str]:
    """Map the layers of an image config to their names: sha256 -> name."""
    history = [str(one.get("created_by", "")) for one in config.get("history") or []]
    diffs = (config.get("rootfs") or {}).get("diff_ids") or []
    named = [text.removeprefix(LAYER) if text.startswith(LAYER) else "" for text in history]
    pairs = zip(diffs, named, strict=True) if len(diffs) == len(named) else []
    return {diff.removeprefix("sha256:"): name for diff, name in pairs if name}


def _parts(layout: Layout, stack: str, tag: dict[str, Any]) -> Iterator[RequiredBlob]:
    """Walk an image and its referrers, recursively."""
    manifest = layout.read(tag["digest"])
    names = layer_names(layout.read(manifest["config"]["digest"]))
    yield _required(layout, tag["digest"], f"manifest of {stack}")
    yield _required(layout, manifest["config"]["digest"], f"config of {stack}")
    for layer in manifest["layers"]:
        name = f"layer {names.get(layer['digest'].removeprefix('sha256:'), '')}".strip()
        yield _required(layout, layer["digest"], name, name)
    waiting = list(layout.referrers(tag["digest"]))
    while waiting:
        entry = waiting.pop(0)
        about = entry.get("artifactType") or MANIFEST
        yield _required(layout, entry["digest"], f"evidence of {stack}: manifest of {about}")
        for digest in sorted(blobs_of(layout.read(entry["digest"]))):
            yield _required(layout, digest, f"evidence of {stack}: {about}")
        waiting += layout.referrers(entry["digest"])


def _required(layout: Layout, digest: str, name: str, lineage: str = "") -> RequiredBlob:
    path = layout.blob(digest)
    if not path.is_file():
        raise MissingInputError(f"{name} is missing", "build the image again")
    return RequiredBlob(path.name, path.stat().st_size, "layout", name, path, lineage)


def _lock_label(space: Workspace, stack: str) -> str:
    return f"sha256:{lock_digest(space.lock(stack))}"
