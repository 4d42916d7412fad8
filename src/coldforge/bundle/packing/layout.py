"""Where the bytes of a bundle come to lie. Pure: the same draft gives the same volumes."""

import base64
from collections.abc import Sequence
from itertools import pairwise

import msgspec

from coldforge.bootstrap.grid import SHORT, Grid, lay_out, shard_size, shards_of
from coldforge.bundle.format.index import FORMAT, Index, Item, Piece, Volume, encode
from coldforge.bundle.format.volume import FOOTER
from coldforge.bundle.packing.manifest_draft import Draft
from coldforge.errors import ColdforgeError
from coldforge.progress import amount


def arrange(draft: Draft, split: int, share: float, signatures: int) -> Index:
    """Lay out a draft in volumes of `split` bytes at most (0: one), trailers included.

    What comes back is the index but for the hashes, which are zeros. `signatures`: the most bytes
    that they take. Raise ColdforgeError if a volume is too small to hold anything.
    """
    if not 0 <= share <= 1:
        raise ColdforgeError(f"a parity of {share:.0%} cannot be made", "give 0% to 100%")
    sizes = [source.encoded for source in draft.ordered()]
    reserve = 0
    while True:
        room = split - reserve if split else 0
        index = _blank(draft, place(sizes, room), share, room)
        needed = _longest(len(encode(index))) + _longest(signatures) + FOOTER.size
        if not split or needed <= reserve:
            return index
        reserve = needed + 256  # more volumes make the index longer, a little
        if split - reserve < shard_size(sizes):
            message = f"volumes of {amount(split)} are too small for this bundle"
            raise ColdforgeError(message, f"give --split of {amount(4 * reserve)} or more")


def place(sizes: Sequence[int], room: int) -> list[list[Piece]]:
    """Lay items one after the other into volumes of `room` bytes (0: one volume for all).

    One that fits an empty volume is not cut: if the rest of this one is too small, it starts
    another.
    """
    found: list[list[Piece]] = []
    volume, used = 1, 0
    for size in sizes:
        pieces: list[Piece] = []
        if used and size <= room < used + size:
            volume, used = volume + 1, 0
        left = size
        while left:
            if room and used == room:
                volume, used = volume + 1, 0
            count = min(left, room - used) if room else left
            pieces.append(Piece(volume, used, count))
            used, left = used + count, left - count
        found.append(pieces)
    return found


def blank(index: Index) -> Index:
    """Take the time and the hashes out of an index: what is left is its plan."""
    shard = index.shard
    return msgspec.structs.replace(
        index,
        serial=0,
        volumes=[_volume(volume.size, shard) for volume in index.volumes],
        parity_volumes=[_volume(volume.size, shard) for volume in index.parity_volumes],
    )


def _blank(draft: Draft, pieces: list[list[Piece]], share: float, room: int) -> Index:
    items = [
        Item(
            source.sha256,
            source.size,
            source.store,
            source.name,
            parts,
            source.encoding,
            source.base,
        )
        for source, parts in zip(draft.ordered(), pieces, strict=True)
    ]
    payloads: dict[int, int] = {}
    for piece in (piece for parts in pieces for piece in parts):
        payloads[piece.volume] = piece.offset + piece.size
    sizes = [payloads[number] for number in sorted(payloads)]
    grid = lay_out(sizes, share) if share and sizes else None
    shard = shard_size(sizes)
    return Index(
        format=FORMAT,
        kind=draft.kind,
        stack=draft.stack,
        serial=draft.serial,
        lock=draft.lock,
        image=draft.image,
        tags=draft.tags,
        tool=draft.tool,
        items=items,
        volumes=[_volume(size, shard) for size in sizes],
        parity_volumes=[_volume(size, shard) for size in _parity_sizes(grid, room)],
        parity=grid,
    )


def _parity_sizes(grid: Grid | None, room: int) -> list[int]:
    """Cut the parity into payloads, between shards."""
    if grid is None:
        return []
    count = grid.parity * grid.groups
    most = max(1, room // grid.shard) if room else count
    bounds = [*range(0, count, most), count]
    return [(end - start) * grid.shard for start, end in pairwise(bounds)]


def _volume(size: int, shard: int) -> Volume:
    hashes = bytes(SHORT * shards_of(size, shard))
    return Volume(size, "0" * 64, base64.b64encode(hashes).decode())


def _longest(size: int) -> int:
    """Bound what zlib makes of `size` bytes that do not compress."""
    return size + size // 1000 + 64
