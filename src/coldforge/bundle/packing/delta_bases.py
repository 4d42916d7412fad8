"""Near relatives of a blob that both sides have: what a delta can be against."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from coldforge.bundle.format.index import StoreName
from coldforge.bundle.packing.contents import Need, kin_of, layer_names
from coldforge.files.atomic import write_file
from coldforge.image.oci.layout import Layout
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import read_lock

if TYPE_CHECKING:
    from coldforge.bundle.inventory import Have

LEAST = 1 << 20  # bytes; below, nothing is to be won
ALIKE = 0.2  # by how much the size of a relative without a name may differ
DOCUMENT = 1 << 18  # bytes; a config is smaller


class Relative(msgspec.Struct, frozen=True):
    """A blob here that the receiver has too."""

    sha256: str
    size: int
    kin: str
    path: Path


class Kinship:
    """All that may serve as a base for a receiver."""

    def __init__(self, space: Workspace, have: "Have") -> None:
        """Look for what both sides have."""
        found: dict[StoreName, Iterator[Relative]] = {
            "mirror": _mirror(space),
            "layout": _layout(Layout(space.build / "oci")),
        }
        self._of = {
            store: [one for one in relatives if have.has(store, one.sha256)]
            for store, relatives in found.items()
        }

    def base(self, need: Need) -> Relative | None:
        """Choose the base for a blob: of its name first, then of about its size; None if none."""
        if need.size < LEAST:
            return None
        found = [one for one in self._of[need.store] if one.sha256 != need.sha256]
        named = [one for one in found if need.kin and one.kin == need.kin]
        if not named and need.store == "layout":
            named = [one for one in found if abs(one.size - need.size) <= ALIKE * need.size]
        return min(named, key=lambda one: (abs(one.size - need.size), one.sha256), default=None)


def remember(space: Workspace) -> dict[str, str]:
    """Keep the names of all that locks here have ever pinned when a bundle was made.

    A lock forgets a version when it moves to the next; the receiver still has its blob.
    """
    place = space.build / "bundle" / "names.json"
    try:
        names = msgspec.json.decode(place.read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError):
        names = {}
    before = dict(names)
    for path in sorted(space.mirror.glob("*.lock")):
        names |= {entry.sha256: kin_of(entry) for entry in read_lock(path).entries}
    if names != before:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_file(place, msgspec.json.encode(names, order="sorted"))
    return names


def _mirror(space: Workspace) -> Iterator[Relative]:
    """List what has a name; packages of Debian are compressed whole: nothing of them recurs."""
    store = Store(space.mirror / "blobs")
    for sha256, kin in remember(space).items():
        path = store.path(sha256)
        if not kin.startswith("debian ") and path.is_file() and path.stat().st_size >= LEAST:
            yield Relative(sha256, path.stat().st_size, kin, path)


def _layout(layout: Layout) -> Iterator[Relative]:
    """List big blobs; their names are in the configs of all images that are not pruned yet."""
    paths = sorted((layout.root / "blobs" / "sha256").glob("?" * 64))
    sizes = {path: path.stat().st_size for path in paths}
    names: dict[str, str] = {}
    for path, size in sizes.items():
        if size < DOCUMENT and (document := _document(path.read_bytes())):
            names |= layer_names(document)
    for path, size in sizes.items():
        if size >= LEAST:
            name = names.get(path.name, "")
            yield Relative(path.name, size, f"layer {name}" if name else "", path)


def _document(data: bytes) -> dict[str, object]:
    """Read an image config; empty if it is something else."""
    if not data.startswith(b"{") or b'"rootfs"' not in data:
        return {}
    try:
        found: dict[str, object] = json.loads(data)
    except ValueError:
        return {}
    return found
