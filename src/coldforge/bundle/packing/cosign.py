"""A second person's signature on a bundle that is made: after looking at every byte of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coldforge.bootstrap.folder import scan
from coldforge.bundle.format.index import TYPE
from coldforge.bundle.format.signatures import Signatures, read_signatures, together
from coldforge.bundle.inspect import check_volumes, only_index
from coldforge.bundle.packing.readme import readme
from coldforge.errors import RefusedError
from coldforge.files.atomic import write_file
from coldforge.trust.envelope import sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Endorsed(NamedTuple):
    """A bundle, and the fingerprints of all who say they signed it."""

    bundle: str
    signers: list[str]


def endorse(folder: Path, keys: Sequence["Ed25519PrivateKey"]) -> Endorsed:
    """Add signatures to the bundle in `folder`; the same key twice is once.

    Its volumes keep the signatures they were made with: signatures.json counts beside them.
    Raise RefusedError if a volume is not there or not what the index says.
    """
    found = scan(folder)
    bundle, index = only_index(found)
    for file in check_volumes(found, bundle, index, verify=True):
        if not file.right:
            state = "is damaged" if file.present else "is not here"
            message = f"{file.name} {state}: what nobody looked at, nobody should sign"
            raise RefusedError(message, "sign the whole bundle, where it was made")
    copies = found.copies[bundle]
    new = Signatures([sign(TYPE, copies.data, key) for key in keys])
    said = together([*map(read_signatures, copies.signatures), new])
    write_file(folder / "README.txt", readme(index, said.encode()).encode())
    write_file(folder / "signatures.json", said.encode())
    return Endorsed(bundle, [signature.keyid for signature in said.signatures])
