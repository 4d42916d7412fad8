"""Format of a volume: a payload, then a trailer with the bundle's index and signatures.

payload | zlib(index.json) | zlib(signatures.json) | footer, all numbers big-endian. The footer:
16 bytes b"coldforge-volume", 4 bytes b"data" or b"rsgf", u32 number from 1, u64 bytes of payload,
u32 bytes of the packed index, u32 bytes of the packed signatures, 32 bytes sha256 of index.json.
`bootstrap.volume` reads it.
"""

import hashlib
import struct
import zlib
from typing import Literal

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
