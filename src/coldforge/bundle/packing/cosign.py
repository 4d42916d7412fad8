"""Add a second person's signature to a bundle, after verifying every byte of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coldforge.bootstrap.folder import scan
from coldforge.bundle.admission import Signatures, merged, read_signatures
from coldforge.bundle.format.index import TYPE
from coldforge.bundle.inspect import check_volumes, only_index
from coldforge.bundle.packing.readme import readme
from coldforge.errors import RefusedError
from coldforge.files.atomic import write_file
from coldforge.trust.envelope import sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Cosigned(NamedTuple):
    """A bundle, and the fingerprints of all keys in its signatures."""

    bundle: str
    signers: list[str]


def cosign(folder: Path, keys: Sequence["Ed25519PrivateKey"]) -> Cosigned:
    """Add signatures to the bundle in `folder`; a key counts once.

    Its volumes keep the signatures they were made with; signatures.json adds to them. Raise
    RefusedError if a volume is missing or damaged.
    """
    found = scan(folder)
    bundle, index = only_index(found)
    for file in check_volumes(found, bundle, index, verify=True):
        if not file.right:
            state = "is damaged" if file.present else "is not here"
            message = f"{file.name} {state}: an unverified bundle is not signed"
            raise RefusedError(message, "sign the complete bundle, where it was made")
    copies = found.copies[bundle]
    new = Signatures([sign(TYPE, copies.data, key) for key in keys])
    signed = merged([*map(read_signatures, copies.signatures), new])
    write_file(folder / "README.txt", readme(index, signed.encode()).encode())
    write_file(folder / "signatures.json", signed.encode())
    return Cosigned(bundle, [signature.keyid for signature in signed.signatures])
