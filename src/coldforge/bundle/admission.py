"""Choose the index that enough trusted keys signed, or whose digest was given."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from coldforge.bootstrap.folder import Copies
from coldforge.bundle.format.index import TYPE, Index
from coldforge.bundle.format.validate import read_index
from coldforge.bundle.ledger import format_time
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError
from coldforge.files.digest import canonical_json
from coldforge.progress import say
from coldforge.trust.envelope import Envelope, Signature, read_strict
from coldforge.trust.rotation import document, steps
from coldforge.trust.trust import Trust, check, read_trust

WHAT = "the bundle's index"


class Admitted(msgspec.Struct, frozen=True):
    """An index that is trusted here."""

    bundle: str
    index: Index
    data: bytes
    """index.json."""
    signatures: bytes
    """signatures.json, merged from the copies found."""
    rotations: Sequence[Envelope] = ()
    """Key rotations to adopt, in order."""


def admit(bundles: Mapping[str, Copies], trust: Path, digest: str = "") -> Admitted:
    """Find the one index signed by the keys in file `trust`, or whose sha256 is `digest`.

    Raise RefusedError, saying what its signatures lack, if there is none or several.
    """
    if digest:
        return _by_digest(bundles, digest)
    known = read_trust(trust)
    passed: list[Admitted] = []
    refusals: list[ColdforgeError] = []
    for bundle, copies in sorted(bundles.items(), key=lambda one: -len(one[1].signatures)):
        try:
            passed.append(_by_signatures(bundle, copies, known))
        except ColdforgeError as error:
            refusals.append(error)
    if len(passed) > 1:
        raise _ambiguous(passed)
    if not passed and not refusals:
        hint = "name the folder that holds the volumes"
        raise MissingInputError("there is no readable index of a bundle here", hint)
    if not passed:
        raise RefusedError(refusals[0].message, refusals[0].hint)
    for refusal in refusals:
        say(f"note: another index is skipped: {refusal.message}")
    return passed[0]


def _ambiguous(passed: list[Admitted]) -> RefusedError:
    names = sorted(
        f"{index.stack} for {index.kind} of {format_time(index.serial)} ({bundle[:12]}…)"
        for bundle, index in ((one.bundle, one.index) for one in passed)
    )
    message = f"there are {len(names)} bundles: {'; '.join(names)}"
    return RefusedError(message, "put each into its own folder, and receive the oldest first")


def _by_digest(bundles: Mapping[str, Copies], digest: str) -> Admitted:
    bundle = digest.lower().removeprefix("sha256:")
    if copies := bundles.get(bundle):
        signatures = [*copies.signatures, b""][0]
        return Admitted(bundle, read_index(copies.data), copies.data, signatures)
    message = f"no index here has the sha256 {digest[:80]!r}"
    raise RefusedError(message, "compare it with the sender's digest, digit by digit")


def _by_signatures(bundle: str, copies: Copies, known: Trust) -> Admitted:
    """Check the signatures of all copies merged, then of each copy: one may be damaged."""
    refusal = ColdforgeError(f"{WHAT} is not signed", "have it signed: --sign KEY")
    read: list[Signatures] = []
    for data in copies.signatures:
        try:
            read.append(read_signatures(data))
        except ColdforgeError as error:
            refusal = error
    for signatures in [merged(read), *read] if read else []:
        try:
            rotations = steps(known, signatures.trust)
            trust = document(rotations[-1]) if rotations else known
            check(trust, TYPE, copies.data, signatures.signatures, WHAT)
        except ColdforgeError as error:
            refusal = error
            continue
        index = read_index(copies.data)
        return Admitted(bundle, index, copies.data, signatures.encode(), rotations)
    raise refusal


class Signatures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """signatures.json: the signatures of an index, and key rotations that a receiver may lack."""

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
