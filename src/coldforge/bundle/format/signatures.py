"""signatures.json: the signatures of an index, and key rotations that a receiver may lack."""

from collections.abc import Iterable

import msgspec

from coldforge.files.digest import canonical_json
from coldforge.trust.envelope import Envelope, Signature, read_strict


class Signatures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of signatures.json."""

    signatures: list[Signature]
    trust: list[Envelope] = []
    """Newer trust documents, each signed by the keys it replaces."""

    def encode(self) -> bytes:
        """Encode in canonical form."""
        return canonical_json(msgspec.to_builtins(self))


def read_signatures(data: bytes) -> Signatures:
    """Decode signatures.json; raise ColdforgeError if it is malformed."""
    return read_strict(data, Signatures, "signatures.json")


def merged(read: Iterable[Signatures]) -> Signatures:
    """Merge several, each signature and rotation once."""
    signed, rotated = dict[Signature, None](), dict[bytes, Envelope]()
    for one in read:
        signed |= dict.fromkeys(one.signatures)
        rotated |= {msgspec.json.encode(envelope): envelope for envelope in one.trust}
    return Signatures(list(signed), list(rotated.values()))
