"""Signatures over bytes of a named type, as DSSE has them.

Source: Dead Simple Signing Envelope, protocol and envelope of version 1.
"""

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from coldforge.bootstrap.dsse import decode64, key_bytes, pae
from coldforge.bootstrap.strict import HINT, one_line, read_json
from coldforge.errors import ColdforgeError
from coldforge.trust.keys import Key, fingerprint, public_text

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
        data = decode64(self.payload)
        if data is None:
            raise ColdforgeError("an envelope's payload is not base64", HINT)
        return data


def seal(payload_type: str, payload: bytes, signatures: Iterable[Signature]) -> Envelope:
    """Put a payload and its signatures, one of each key and sorted, into an envelope."""
    last = {signature.keyid: signature for signature in signatures}
    text = base64.b64encode(payload).decode()
    return Envelope(payload_type, text, sorted(last.values()))


def read_envelope(data: bytes, what: str) -> Envelope:
    """Decode an envelope; raise ColdforgeError in one line that begins with `what`."""
    return read_strict(data, Envelope, what)


def sign(payload_type: str, payload: bytes, key: "Ed25519PrivateKey") -> Signature:
    """Sign bytes of a type."""
    signature = key.sign(pae(payload_type, payload))
    return Signature(fingerprint(public_text(key)), base64.b64encode(signature).decode())


def is_valid(key: Key, payload_type: str, payload: bytes, signature: Signature) -> bool:
    """Tell whether `key` made this signature over these bytes of this type."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    data = decode64(signature.sig)
    if data is None:
        return False
    public = Ed25519PublicKey.from_public_bytes(key_bytes(key.key))
    try:
        public.verify(data, pae(payload_type, payload))
    except InvalidSignature:
        return False
    return True


T = TypeVar("T")
MOST = 1 << 20  # bytes of a document about trust


def read_strict(data: bytes, shape: type[T], what: str, most: int = MOST) -> T:
    """Decode JSON as `shape`; raise ColdforgeError in one line that begins with `what`.

    Refused: what `bootstrap.strict` refuses, other types, and fields that `shape` forbids.
    """
    try:
        return msgspec.convert(read_json(data, what, most), shape)
    except msgspec.ValidationError as error:
        raise ColdforgeError(f"{what} is malformed: {one_line(error)}", HINT) from error
