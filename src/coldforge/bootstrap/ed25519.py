"""Verify Ed25519 signatures in plain Python, a few milliseconds each. It cannot sign.

Source: RFC 8032, sections 5.1.1 to 5.1.4 and 5.1.7; encodings must be the canonical ones.
"""

from __future__ import annotations

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # a square root of -1
Point = tuple[int, int, int, int]  # X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z
NEUTRAL: Point = (0, 1, 1, 0)


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether the owner of the public `key` signed `message`; never raises on bad bytes."""
    if len(key) != 32 or len(signature) != 64:
        return False
    point = decode(key)
    s = int.from_bytes(signature[32:], "little")
    if point is None or s >= L or _small_order(point):
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    k = int.from_bytes(digest, "little") % L
    # R must equal sB - kA; comparing encodings also requires R to be canonical.
    return encode(_double_multiply(s, BASE, k, _negative(point))) == signature[:32]


def decode(data: bytes) -> Point | None:
    """Decode a point of 32 bytes; None if it is invalid or not canonical."""
    number = int.from_bytes(data, "little")
    odd, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    above, below = (y * y - 1) % P, (D * y * y + 1) % P
    x = above * pow(below, 3, P) * pow(above * pow(below, 7, P), (P - 5) // 8, P) % P
    if (below * x * x + above) % P == 0:
        x = x * ROOT % P
    if (below * x * x - above) % P or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = P - x
    return x, y, 1, x * y % P


def encode(point: Point) -> bytes:
    """Encode a point in 32 bytes."""
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


def add(one: Point, other: Point) -> Point:
    """Add two points of the curve."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * D * one[3] * other[3] % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _negative(point: Point) -> Point:
    x, y, z, t = point
    return -x % P, y, z, -t % P


def _small_order(point: Point) -> bool:
    """Tell whether a point's order divides 8: as a key it would accept forged signatures."""
    for _ in range(3):
        point = add(point, point)
    return point[0] == 0


def _double_multiply(a: int, one: Point, b: int, other: Point) -> Point:
    """Compute a * `one` + b * `other` in one pass over the bits."""
    table = (NEUTRAL, one, other, add(one, other))
    total = NEUTRAL
    for bit in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        total = add(total, total)
        which = (a >> bit & 1) + 2 * (b >> bit & 1)
        if which:
            total = add(total, table[which])
    return total


def _base() -> Point:
    point = decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    if point is None:  # pragma: no cover - the curve's own constant
        raise AssertionError
    return point


BASE = _base()
