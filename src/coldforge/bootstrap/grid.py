"""How shards of a bundle's volumes form groups, so that any share of them can be rebuilt.

The payloads of all data volumes, each cut into shards (its last one padded with zeros), are
numbered through. Shard `n` is row `n // groups` of group `n % groups`: a stretch of damage, and a
lost volume, hit all groups alike. Each group has `parity` shards more, by Reed-Solomon over
GF(256); parity shard `p` is row `p // groups` of group `p % groups`, and parity volumes hold them
in order.
"""

from __future__ import annotations

from typing import NamedTuple

MOST = 256  # shards of one group, parity included: the size of the field
SHARD = 65536
SHORT = 8  # bytes that an index keeps of each shard's sha256
WIDE = 16 * 10**9  # payload bytes from which shards grow, so that their hashes stay few


class Grid(NamedTuple):
    """The geometry; rows that no shard fills count as zeros."""

    shard: int
    """Bytes of a shard."""
    rows: int
    """Data shards of a group."""
    parity: int
    """Parity shards of a group."""
    groups: int


def shard_size(sizes: list[int]) -> int:
    """Give the bytes of a shard of payloads of `sizes` bytes, parity or none."""
    return SHARD * max(1, -(-sum(sizes) // WIDE))


def shards_of(size: int, shard: int) -> int:
    """Count the shards of a payload."""
    return -(-size // shard)


def lay_out(sizes: list[int], share: float) -> Grid:
    """Choose the geometry for payloads of `sizes` bytes and parity of `share` (0.1: a tenth)."""
    shard = shard_size(sizes)
    count = sum(shards_of(size, shard) for size in sizes)
    most = max(1, int(MOST / (1 + share)) - 1)
    groups = max(1, -(-count // most))
    rows = max(1, -(-count // groups))
    parity = min(MOST - rows, max(1, -int(-rows * share // 1)))
    return Grid(shard, rows, parity, groups)


def starts(sizes: list[int], shard: int) -> list[int]:
    """Give the number of each payload's first shard, and last the count of all."""
    found = [0]
    for size in sizes:
        found.append(found[-1] + shards_of(size, shard))
    return found
