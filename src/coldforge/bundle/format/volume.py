"""The form of a volume: a payload, then a trailer that says all about the bundle it belongs to.

payload | zlib(index.json) | zlib(signatures.json) | footer, all numbers big-endian. The footer:
16 bytes b"coldforge-volume", 4 bytes b"data" or b"rsgf", u32 number from 1, u64 bytes of payload,
u32 bytes of the packed index, u32 bytes of the packed signatures, 32 bytes sha256 of index.json.
The side that reads it is `bootstrap.volume`: it runs before anything is installed.
"""

import hashlib
import struct
import zlib
from typing import Literal

FOOTER = struct.Struct(">16s4sIQII32s")
MAGIC = b"coldforge-volume"
Sort = Literal["data", "parity"]
SORTS: dict[Sort, bytes] = {"data": b"data", "parity": b"rsgf"}
NAMES: dict[Sort, str] = {"data": "volume", "parity": "parity"}


def volume_name(sort: Sort, number: int) -> str:
    """Name a volume's file."""
    return f"{NAMES[sort]}-{number:03}.cfv"


def trailer(sort: Sort, number: int, payload: int, index: bytes, signatures: bytes) -> bytes:
    """Make what follows a payload of `payload` bytes."""
    packed, signed = zlib.compress(index, 9), zlib.compress(signatures, 9)
    digest = hashlib.sha256(index).digest()
    fields = (MAGIC, SORTS[sort], number, payload, len(packed), len(signed), digest)
    return packed + signed + FOOTER.pack(*fields)
