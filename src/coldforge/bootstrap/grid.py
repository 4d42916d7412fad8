"""Parity: how the shards of a bundle's volumes form groups, and how lost ones are rebuilt.

The payload of each data volume is split into shards (the last one padded with zeros), which are
numbered across volumes. Shard `n` is row `n // groups` of group `n % groups`, so that consecutive
damage and a lost volume affect all groups equally. Each group has `parity` more shards, by
Reed-Solomon over GF(256); parity shard `p` is row `p // groups` of group `p % groups`. Parity
volumes hold them in order.

Rebuilding is in plain Python, from parity that zfec wrote: slow, but without libraries. zfec
treats the data shards of a group as values of a polynomial at the points 0, 1, a, a^2 and so on
of GF(256), and its parity shards as the values at the following points. Any `rows` of them
determine the others by Lagrange interpolation. Source: zfec's generator matrix, whose rows are
the powers of these points, and its polynomial, x^8 + x^4 + x^3 + x^2 + 1.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_GROUP = 256  # shards of a group, including parity: the size of the field
SHARD = 65536
HASH_SIZE = 8  # bytes that an index keeps of each shard's sha256
SHARD_GROWTH = 16 * 10**9  # payload bytes per 64 KiB of shard size, to bound the number of hashes


class ParityGrid(NamedTuple):
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


def choose_grid(sizes: list[int], share: float) -> ParityGrid:
    """Choose the geometry for payloads of `sizes` bytes and a parity `share` (0.1: a tenth)."""
    shard = shard_size(sizes)
    count = sum(shard_count(size, shard) for size in sizes)
    most = max(1, int(MAX_GROUP / (1 + share)) - 1)
    groups = max(1, -(-count // most))
    rows = max(1, -(-count // groups))
    parity = min(MAX_GROUP - rows, max(1, -int(-rows * share // 1)))
    return ParityGrid(shard, rows, parity, groups)


def first_shards(sizes: list[int], shard: int) -> list[int]:
    """Return the number of each payload's first shard, then the total count."""
    found = [0]
    for size in sizes:
        found.append(found[-1] + shard_count(size, shard))
    return found


EXP = [1]
while len(EXP) < 255:
    EXP.append((EXP[-1] << 1) ^ (0x11D if EXP[-1] & 0x80 else 0))
LOG = {value: power for power, value in enumerate(EXP)}
POINTS = [0, *EXP]


def rebuild(rows: int, shards: dict[int, bytes], wanted: list[int]) -> dict[int, bytes]:
    """Rebuild the `wanted` rows of a group from at least `rows` intact shards.

    Data rows come first, then parity; all shards have one size. Raise ValueError if too few.
    """
    if len(shards) < rows:
        raise ValueError(f"{len(shards)} of {rows} shards")
    known = sorted(shards)[:rows]
    size = len(shards[known[0]])
    below = {
        row: _product([POINTS[row] ^ POINTS[one] for one in known if one != row]) for row in known
    }
    found = {}
    for target in wanted:
        if target in shards:
            found[target] = shards[target]
            continue
        above = _product([POINTS[target] ^ POINTS[one] for one in known])
        total = 0
        for row in known:
            power = above - LOG[POINTS[target] ^ POINTS[row]] - below[row]
            total ^= int.from_bytes(shards[row].translate(_times(power % 255)), "little")
        found[target] = total.to_bytes(size, "little")
    return found


def _product(factors: list[int]) -> int:
    """Return the logarithm of the product."""
    return sum(LOG[factor] for factor in factors) % 255


def _times(power: int) -> bytes:
    """Return the table that multiplies a byte by the field element of logarithm `power`."""
    if power not in TABLES:
        rest = [EXP[(LOG[value] + power) % 255] for value in range(1, 256)]
        TABLES[power] = bytes([0, *rest])
    return TABLES[power]


TABLES: dict[int, bytes] = {}
