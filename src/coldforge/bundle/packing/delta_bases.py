"""Choose delta bases: earlier versions of a blob that both sides have."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from coldforge.bundle.format.index import StoreName
from coldforge.bundle.packing.contents import RequiredBlob, layer_names, lineage_of
from coldforge.files.atomic import write_file
from coldforge.image.oci.layout import Layout
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import read_lock

if TYPE_CHECKING:
    from coldforge.bundle.inventory import Inventory

MIN_SIZE = 1 << 20  # bytes; smaller blobs are not worth a delta
SIZE_TOLERANCE = 0.2  # largest relative difference in size of a base without a shared name
MAX_CONFIG = 1 << 18  # bytes


class DeltaBase(msgspec.Struct, frozen=True):
    """A blob here that the receiver has too."""

    sha256: str
    size: int
    lineage: str
    path: Path


class DeltaBases:
    """All blobs that can serve as bases for a receiver."""

    def __init__(self, space: Workspace, inventory: "Inventory") -> None:
        """Find the blobs that both sides have."""
        found: dict[StoreName, Iterator[DeltaBase]] = {
            "mirror": _mirror(space),
            "layout": _layout(Layout(space.build / "oci")),
        }
        self._of = {
            store: [one for one in blobs if inventory.has(store, one.sha256)]
            for store, blobs in found.items()
        }

    def find(self, blob: RequiredBlob) -> DeltaBase | None:
        """Choose the base for a blob: of its lineage, else of a similar size; None if none."""
        if blob.size < MIN_SIZE:
            return None
        found = [one for one in self._of[blob.store] if one.sha256 != blob.sha256]
        named = [one for one in found if blob.lineage and one.lineage == blob.lineage]
        if not named and blob.store == "layout":
            named = [
                one for one in found if abs(one.size - blob.size) <= SIZE_TOLERANCE * blob.size
            ]
        return min(named, key=lambda one: (abs(one.size - blob.size), one.sha256), default=None)


def record_lineages(space: Workspace) -> dict[str, str]:
    """Record the lineage of every blob pinned by a lock when a bundle is made: sha256 -> lineage.

    A lock drops a version when it moves to the next, but the receiver still has its blob.
    """
    place = space.build / "bundle" / "names.json"
    try:
        names = msgspec.json.decode(place.read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError):
        names = {}
    before = dict(names)
    for path in sorted(space.mirror.glob("*.lock")):
        names |= {entry.sha256: lineage_of(entry) for entry in read_lock(path).entries}
    if names != before:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_file(place, msgspec.json.encode(names, order="sorted"))
    return names


def _mirror(space: Workspace) -> Iterator[DeltaBase]:
    """List blobs with a lineage; not Debian packages, which are compressed as a whole."""
    store = Store(space.mirror / "blobs")
    for sha256, lineage in record_lineages(space).items():
        path = store.path(sha256)
        if not lineage.startswith("debian ") and path.is_file() and path.stat().st_size >= MIN_SIZE:
            yield DeltaBase(sha256, path.stat().st_size, lineage, path)


def _layout(layout: Layout) -> Iterator[DeltaBase]:
    """List large blobs; their names are in the configs of images not yet pruned."""
    paths = sorted((layout.root / "blobs" / "sha256").glob("?" * 64))
    sizes = {path: path.stat().st_size for path in paths}
    names: dict[str, str] = {}
    for path, size in sizes.items():
        if size < MAX_CONFIG and (document := _document(path.read_bytes())):
            names |= layer_names(document)
    for path, size in sizes.items():
        if size >= MIN_SIZE:
            name = names.get(path.name, "")
            yield DeltaBase(path.name, size, f"layer {name}" if name else "", path)


def _document(data: bytes) -> dict[str, object]:
    """Read an image config; {} for anything else."""
    if not data.startswith(b"{") or b'"rootfs"' not in data:
        return {}
    try:
        found: dict[str, object] = json.loads(data)
    except ValueError:
        return {}
    return found
