"""Format of a volume: a payload, then a trailer with the bundle's index and signatures.

payload | zlib(index.json) | zlib(signatures.json) | footer, all numbers big-endian. The footer:
16 bytes b"coldforge-volume", 4 bytes b"data" or b"rsgf", u32 number from 1, u64 bytes of payload,
u32 bytes of the packed index, u32 bytes of the packed signatures, 32 bytes sha256 of index.json.
`bootstrap.volume` reads it.
"""

import hashlib
import re
import struct
import zlib
from typing import Literal

from coldforge.errors import ColdforgeError

FOOTER = struct.Struct(">16s4sIQII32s")
MAGIC = b"coldforge-volume"
VolumeKind = Literal["data", "parity"]
KINDS: dict[VolumeKind, bytes] = {"data": b"data", "parity": b"rsgf"}
NAMES: dict[VolumeKind, str] = {"data": "volume", "parity": "parity"}


def volume_name(kind: VolumeKind, number: int) -> str:
    """Return the name of a volume's file."""
    return f"{NAMES[kind]}-{number:03}.cfv"


def trailer(kind: VolumeKind, number: int, payload: int, index: bytes, signatures: bytes) -> bytes:
    """Build the trailer of a payload of `payload` bytes."""
    packed, signed = zlib.compress(index, 9), zlib.compress(signatures, 9)
    digest = hashlib.sha256(index).digest()
    fields = (MAGIC, KINDS[kind], number, payload, len(packed), len(signed), digest)
    return packed + signed + FOOTER.pack(*fields)


SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kKMGT]?)(i?)B?")
POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
SHARE = re.compile(r"(\d+(?:\.\d+)?) ?(%?)")
MIN_VOLUME = 1_000_000  # bytes; the index that a volume repeats may take that much


def parse_size(text: str) -> int:
    """Parse a size in bytes: `4G` is 4 * 10^9, `4GiB` 4 * 2^30, empty 0. Raise ColdforgeError."""
    if not text:
        return 0
    match = SIZE.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        raise ColdforgeError(f"'{text}' is not a size", "write it like 4G, 700M or 3.9GiB")
    base = 1024 if match[3] else 1000
    size = int(float(match[1]) * base ** POWERS[match[2].upper()])
    if size < MIN_VOLUME:
        raise ColdforgeError(f"'{text}' is too small for a volume", "give 1M or more")
    return size


def parse_share(text: str) -> float:
    """Parse a share: `10%` and `0.1` are a tenth, empty is 0. Raise ColdforgeError."""
    if not text:
        return 0.0
    match = SHARE.fullmatch(text.strip())
    share = float(match[1]) / (100 if match[2] else 1) if match else -1.0
    if not 0 <= share <= 1:
        raise ColdforgeError(f"'{text}' is not a share", "write it like 10%, at most 100%")
    return share
