"""The two stores that a bundle's blobs belong to: the mirror and the image layout."""

import shutil
from pathlib import Path
from typing import BinaryIO

from coldforge.bundle.format.index import Item, StoreName
from coldforge.errors import ColdforgeError
from coldforge.image.oci.layout import Layout
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.progress import amount


class Stores:
    """Both stores of a workspace; what is visible in them was verified."""

    def __init__(self, space: Workspace) -> None:
        """Use the stores of `space`; they are created on the first write."""
        self.mirror = Store(space.mirror / "blobs")
        self.layout = Layout(space.build / "oci")

    def path(self, store: StoreName, sha256: str) -> Path:
        """Return the path of a blob, present or not."""
        return self.mirror.path(sha256) if store == "mirror" else self.layout.blob(sha256)

    def has(self, item: Item) -> bool:
        """Tell whether an item's blob is visible and has its size."""
        path = self.path(item.store, item.sha256)
        return path.is_file() and path.stat().st_size == item.size

    def part(self, item: Item) -> Path:
        """Return an item's partial file, on its store's file system; the same in every run."""
        if item.store == "mirror":
            return self.mirror.partial(f"{item.sha256}.carried")
        place = self.layout.blob(item.sha256)
        place.parent.mkdir(parents=True, exist_ok=True)
        return place.with_name(f".part-{item.sha256}")

    def publish(self, out: BinaryIO, item: Item) -> None:
        """Make a partial file visible once it is on disk; the caller has verified it."""
        if item.store == "mirror":
            out.flush()
            self.mirror.publish(Path(out.name), item.sha256)
        else:
            self.layout.keep(out, item.sha256, "")

    def roots(self) -> dict[StoreName, Path]:
        """Return the folder of each store."""
        return {"mirror": self.mirror.root, "layout": self.layout.root}


def check_space(needs: list[tuple[Path, int]]) -> None:
    """Raise ColdforgeError if a disk has less free space than is needed (folder, bytes)."""
    disks: dict[int, tuple[Path, int]] = {}
    for folder, size in needs:
        there = next(one for one in (folder, *folder.parents) if one.exists())
        device = there.stat().st_dev
        disks[device] = there, disks.get(device, (there, 0))[1] + size
    for there, size in disks.values():
        free = shutil.disk_usage(there).free
        if size > free:
            message = (
                f"this bundle needs {amount(size)}, the disk of {there} has {amount(free)} free"
            )
            raise ColdforgeError(message, "free some space; the same command continues")
