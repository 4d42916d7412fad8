"""Geometry of parity: how the shards of a bundle's volumes form groups.

The payload of each data volume is split into shards (the last one padded with zeros), which are
numbered across volumes. Shard `n` is row `n // groups` of group `n % groups`, so that consecutive
damage and a lost volume affect all groups equally. Each group has `parity` more shards, by
Reed-Solomon over GF(256); parity shard `p` is row `p // groups` of group `p % groups`. Parity
volumes hold them in order.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_GROUP = 256  # shards of a group, including parity: the size of the field
SHARD = 65536
HASH_SIZE = 8  # bytes that an index keeps of each shard's sha256
SHARD_GROWTH = 16 * 10**9  # payload bytes per 64 KiB of shard size, to bound the number of hashes


class Grid(NamedTuple):
    """The geometry; rows beyond the last shard are zeros."""

    shard: int
    """Bytes of a shard."""
    rows: int
    """Data shards of a group."""
    parity: int
    """Parity shards of a group."""
    groups: int


def shard_size(sizes: list[int]) -> int:
    """Return the shard size in bytes for payloads of `sizes` bytes."""
    return SHARD * max(1, -(-sum(sizes) // SHARD_GROWTH))


def shard_count(size: int, shard: int) -> int:
    """Count the shards of a payload."""
    return -(-size // shard)


def choose_grid(sizes: list[int], share: float) -> Grid:
    """Choose the geometry for payloads of `sizes` bytes and a parity `share` (0.1: a tenth)."""
    shard = shard_size(sizes)
    count = sum(shard_count(size, shard) for size in sizes)
    most = max(1, int(MAX_GROUP / (1 + share)) - 1)
    groups = max(1, -(-count // most))
    rows = max(1, -(-count // groups))
    parity = min(MAX_GROUP - rows, max(1, -int(-rows * share // 1)))
    return Grid(shard, rows, parity, groups)


def first_shards(sizes: list[int], shard: int) -> list[int]:
    """Return the number of each payload's first shard, then the total count."""
    found = [0]
    for size in sizes:
        found.append(found[-1] + shard_count(size, shard))
    return found
