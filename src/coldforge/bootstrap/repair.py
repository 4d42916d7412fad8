"""Rebuild lost shards in plain Python, from parity that zfec wrote: slow, but without libraries.

zfec treats the data shards of a group as values of a polynomial at the points 0, 1, a, a^2 and so
on of GF(256), and its parity shards as the values at the following points. Any `rows` of them
determine the others by Lagrange interpolation. Source: zfec's generator matrix, whose
rows are the powers of these points, and its polynomial, x^8 + x^4 + x^3 + x^2 + 1.
"""

from __future__ import annotations

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
