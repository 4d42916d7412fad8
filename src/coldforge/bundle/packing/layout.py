"""Assign the bytes of a bundle to volumes; the same contents give the same volumes."""

import base64
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from coldforge.bootstrap.grid import HASH_SIZE, ParityGrid, choose_grid, shard_count, shard_size
from coldforge.bundle.format.index import FORMAT, Index, Item, ItemPart, Volume, encode
from coldforge.bundle.format.volume import FOOTER
from coldforge.bundle.packing.items import BundleContents, BundleItem
from coldforge.errors import ColdforgeError
from coldforge.progress import amount


def arrange(contents: BundleContents, split: int, share: float, signatures: int) -> Index:
    """Arrange contents in volumes of at most `split` bytes (0: one), including trailers.

    Return the index with zeros for hashes. `signatures`: the most bytes that they take. Raise
    ColdforgeError if volumes are too small to hold anything.
    """
    if not 0 <= share <= 1:
        raise ColdforgeError(f"a parity of {share:.0%} is impossible", "give 0% to 100%")
    sizes = [item.encoded for item in contents.ordered()]
    reserve = 0
    while True:
        capacity = split - reserve if split else 0
        index = _index(contents, place_items(sizes, capacity), share, capacity)
        needed = _compressed_bound(len(encode(index))) + _compressed_bound(signatures) + FOOTER.size
        if not split or needed <= reserve:
            return index
        reserve = needed + 256  # more volumes make the index longer, a little
        if split - reserve < shard_size(sizes):
            message = f"volumes of {amount(split)} are too small for this bundle"
            raise ColdforgeError(message, f"give --split of {amount(4 * reserve)} or more")


def place_items(sizes: Sequence[int], capacity: int) -> list[list[ItemPart]]:
    """Place items one after the other in volumes of `capacity` bytes (0: one volume for all).

    An item that fits an empty volume is not split: if the current one has too little space, it
    starts another.
    """
    found: list[list[ItemPart]] = []
    volume, used = 1, 0
    for size in sizes:
        pieces: list[ItemPart] = []
        if used and size <= capacity < used + size:
            volume, used = volume + 1, 0
        left = size
        while left:
            if capacity and used == capacity:
                volume, used = volume + 1, 0
            count = min(left, capacity - used) if capacity else left
            pieces.append(ItemPart(volume, used, count))
            used, left = used + count, left - count
        found.append(pieces)
    return found


def without_hashes(index: Index) -> Index:
    """Remove the time and the hashes from an index, which leaves its plan."""
    shard = index.shard
    return msgspec.structs.replace(
        index,
        serial=0,
        volumes=[_volume(volume.size, shard) for volume in index.volumes],
        parity_volumes=[_volume(volume.size, shard) for volume in index.parity_volumes],
    )


def _index(
    contents: BundleContents, pieces: list[list[ItemPart]], share: float, capacity: int
) -> Index:
    payloads: dict[int, int] = {}
    for piece in (piece for parts in pieces for piece in parts):
        payloads[piece.volume] = piece.offset + piece.size
    sizes = [payloads[number] for number in sorted(payloads)]
    grid = choose_grid(sizes, share) if share and sizes else None
    shard = shard_size(sizes)
    return Index(
        format=FORMAT,
        kind=contents.kind,
        stack=contents.stack,
        serial=contents.serial,
        lock=contents.lock,
        image=contents.image,
        tags=contents.tags,
        tool=contents.tool,
        items=[_item(*pair) for pair in zip(contents.ordered(), pieces, strict=True)],
        volumes=[_volume(size, shard) for size in sizes],
        parity_volumes=[_volume(size, shard) for size in _parity_sizes(grid, capacity)],
        parity=grid,
    )


def _item(item: BundleItem, pieces: list[ItemPart]) -> Item:
    return Item(item.sha256, item.size, item.store, item.name, pieces, item.encoding, item.base)


def _parity_sizes(grid: ParityGrid | None, capacity: int) -> list[int]:
    """Split the parity into payloads at shard boundaries."""
    if grid is None:
        return []
    count = grid.parity * grid.groups
    most = max(1, capacity // grid.shard) if capacity else count
    bounds = [*range(0, count, most), count]
    return [(end - start) * grid.shard for start, end in pairwise(bounds)]


def _volume(size: int, shard: int) -> Volume:
    hashes = bytes(HASH_SIZE * shard_count(size, shard))
    return Volume(size, "0" * 64, base64.b64encode(hashes).decode())


def _compressed_bound(size: int) -> int:
    """Bound the zlib output for `size` incompressible bytes."""
    return size + size // 1000 + 64
