"""signatures.json: who answers for an index, and rotations that its receiver may lack."""

from collections.abc import Iterable

import msgspec

from coldforge.files.digest import canonical_json
from coldforge.trust.envelope import Envelope, Signature, read_strict


class Signatures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Its content."""

    signatures: list[Signature]
    trust: list[Envelope] = []
    """Newer trust documents, each signed by the keys that it replaces."""

    def encode(self) -> bytes:
        """Spell it, the same content always the same way."""
        return canonical_json(msgspec.to_builtins(self))


def read_signatures(data: bytes) -> Signatures:
    """Read it; raise ColdforgeError on what no bundle of ours says."""
    return read_strict(data, Signatures, "signatures.json")


def together(read: Iterable[Signatures]) -> Signatures:
    """Join several, each signature and rotation once."""
    signed, rotated = dict[Signature, None](), dict[bytes, Envelope]()
    for one in read:
        signed |= dict.fromkeys(one.signatures)
        rotated |= {msgspec.json.encode(envelope): envelope for envelope in one.trust}
    return Signatures(list(signed), list(rotated.values()))
