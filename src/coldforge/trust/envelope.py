"""Signatures over bytes of a named type, as DSSE has them.

Source: Dead Simple Signing Envelope, protocol and envelope of version 1.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.trust.keys import Key, fingerprint, public_text, raw
from coldforge.trust.strict import read_strict

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

MOST_SIGNATURES = 256


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """Who signed, by fingerprint, and the signature's 64 bytes in base64."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes of a type, with their signatures."""

    payload_type: str = msgspec.field(name="payloadType")
    payload: str
    """Base64 of the signed bytes."""
    signatures: list[Signature]

    @property
    def content(self) -> bytes:
        """Decode the payload; raise ColdforgeError."""
        return _decode(self.payload, "an envelope's payload")


def seal(payload_type: str, payload: bytes, signatures: Iterable[Signature]) -> Envelope:
    """Put a payload and its signatures, one of each key and sorted, into an envelope."""
    last = {signature.keyid: signature for signature in signatures}
    text = base64.b64encode(payload).decode()
    return Envelope(payload_type, text, sorted(last.values()))


def read_envelope(data: bytes, what: str) -> Envelope:
    """Decode an envelope; raise ColdforgeError in one line that begins with `what`."""
    return read_strict(data, Envelope, what)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Encode type and payload so that no other pair gives the same bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload_type: str, payload: bytes, key: "Ed25519PrivateKey") -> Signature:
    """Sign bytes of a type."""
    signature = key.sign(pae(payload_type, payload))
    return Signature(fingerprint(public_text(key)), base64.b64encode(signature).decode())


def fits(key: Key, payload_type: str, payload: bytes, signature: Signature) -> bool:
    """Tell whether `key` made this signature over these bytes of this type."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        data = _decode(signature.sig, "a signature")
        Ed25519PublicKey.from_public_bytes(raw(key.key)).verify(data, pae(payload_type, payload))
    except (InvalidSignature, ValueError, ColdforgeError):
        return False
    return True


def _decode(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = None
    if data is None or base64.b64encode(data).decode() != text:
        raise ColdforgeError(f"{what} is not base64", "get it again from where it came")
    return data
