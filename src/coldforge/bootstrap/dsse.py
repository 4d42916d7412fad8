"""The bytes that a signature covers, and the encoding of keys and signatures.

Source: Dead Simple Signing Envelope, protocol of version 1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from coldforge.errors import ColdforgeError

PREFIX = "ed25519:"


def pae(payload_type: str, payload: bytes) -> bytes:
    """Encode type and payload unambiguously (pre-authentication encoding)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def decode64(text: str) -> bytes | None:
    """Decode canonical base64; None for anything else."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def key_bytes(text: str) -> bytes:
    """Decode a public key, `ed25519:` and base64 of its 32 bytes; raise ColdforgeError."""
    data = decode64(text[len(PREFIX) :]) if text.startswith(PREFIX) else None
    if data is None or len(data) != 32:
        shown = text[:60].encode("ascii", "replace").decode()
        raise ColdforgeError(
            f"{shown!r} is not a public key", "write it as ed25519:<44 characters>"
        )
    return data


def fingerprint(key: bytes) -> str:
    """Return the fingerprint of a key of 32 bytes: SHA256: and the digest in unpadded base64."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
