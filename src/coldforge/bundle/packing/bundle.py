"""Make a bundle: the blobs of a stack that a receiver lacks, and the tool."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from coldforge.bundle.format.index import Index, Kind, encode
from coldforge.bundle.packing.contents import (
    ImageBlobs,
    RequiredBlob,
    blobs_to_build,
    image_to_install,
    local_image,
)
from coldforge.bundle.packing.delta_bases import DeltaBases, record_lineages
from coldforge.bundle.packing.encoding import EncodingJob, encode_all, raw_item
from coldforge.bundle.packing.items import BundleContents, BundleItem
from coldforge.bundle.packing.journal import check_usable
from coldforge.bundle.packing.pack import pack
from coldforge.bundle.packing.tool import collect_tool
from coldforge.image.oci.layout import Layout
from coldforge.paths import Workspace
from coldforge.stack.lock import lock_digest
from coldforge.trust.rotation import remembered

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from coldforge.bundle.inventory import Inventory


class PackOptions(NamedTuple):
    """The receiver's inventory, sizes, and signing keys."""

    inventory: "Inventory | None" = None
    """What the receiver has; None if nothing."""
    split: int = 0
    """Largest size of a volume in bytes; 0: one volume."""
    share: float = 0.0
    """Share of parity, 0 to 1."""
    keys: Sequence["Ed25519PrivateKey"] = ()


class PackedBundle(msgspec.Struct, frozen=True):
    """A bundle that was made, or was complete already."""

    bundle: str
    """sha256 of index.json, to compare by telephone."""
    index: Index
    files: dict[str, int]
    """Its files and their sizes in bytes."""
    left_out: int
    """Number of items that the receiver has."""
    left_out_bytes: int
    saved: int
    """Bytes saved by deltas."""

    @property
    def size(self) -> int:
        """The size of all files in bytes."""
        return sum(self.files.values())


def bundle(
    space: Workspace, stack: str, kind: Kind, out: Path, options: PackOptions | None = None
) -> PackedBundle:
    """Write to `out` what a receiver lacks to build or install a stack, and the tool.

    The same command continues a killed run. Raise MissingInputError if a blob is missing here,
    ColdforgeError if `out` holds something else or the disk is full.
    """
    options = options or PackOptions()
    check_usable(out)
    image_of = image_to_install if kind == "install" else _image_to_build
    with Layout(space.build / "oci").held():  # keeps blobs from being pruned meanwhile
        tool, tool_blobs = collect_tool(space)
        image = image_of(space, stack)
        record_lineages(space)
        wanted = {(blob.store, blob.sha256): blob for blob in (*image.blobs, *tool_blobs)}
        lacking = [blob for blob in wanted.values() if not _has(options.inventory, blob)]
        contents = BundleContents(
            kind=kind,
            stack=stack,
            serial=int(time.time()),
            lock=lock_digest(space.lock(stack)),
            image=image.digest,
            tags={stack: image.tag} if image.tag else {},
            tool=tool,
            items=_items(space, lacking, {blob.sha256 for blob in tool_blobs}, options.inventory),
        )
        trust = remembered(space.trust)
        index = pack(out, contents, options.split, options.share, options.keys, trust)
    left = [blob for blob in wanted.values() if _has(options.inventory, blob)]
    return PackedBundle(
        bundle=hashlib.sha256(encode(index)).hexdigest(),
        index=index,
        files={path.name: path.stat().st_size for path in sorted(out.iterdir()) if path.is_file()},
        left_out=len(left),
        left_out_bytes=sum(blob.size for blob in left),
        saved=sum(item.size - item.encoded for item in index.items if item.encoding == "delta"),
    )


def _image_to_build(space: Workspace, stack: str) -> ImageBlobs:
    return ImageBlobs(local_image(space, stack), {}, blobs_to_build(space, stack))


def _has(inventory: "Inventory | None", blob: RequiredBlob) -> bool:
    return inventory is not None and inventory.has(blob.store, blob.sha256)


def _items(
    space: Workspace, blobs: list[RequiredBlob], plain: set[str], inventory: "Inventory | None"
) -> list[BundleItem]:
    """Encode the blobs; the tool stays raw, as the bootstrap can decode nothing else."""
    bases = DeltaBases(space, inventory) if inventory else None
    early = [raw_item(blob) for blob in blobs if blob.sha256 in plain]
    late = [blob for blob in blobs if blob.sha256 not in plain]
    jobs = [EncodingJob(blob, bases.find(blob) if bases else None) for blob in late]
    return [*early, *encode_all(space, jobs)]
