"""Which of the indexes at hand counts: the one that enough trusted keys signed, or none."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from coldforge.bootstrap.folder import Copies
from coldforge.bundle.format.index import TYPE, Index
from coldforge.bundle.format.signatures import Signatures, read_signatures, together
from coldforge.bundle.format.validate import read_index
from coldforge.bundle.ledger import day
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError
from coldforge.progress import say
from coldforge.trust.envelope import Envelope
from coldforge.trust.rotation import document, steps
from coldforge.trust.trust import Trust, check, read_trust

WHAT = "the bundle's index"


class Admitted(msgspec.Struct, frozen=True):
    """An index that counts here."""

    bundle: str
    index: Index
    data: bytes
    """index.json."""
    signatures: bytes
    """signatures.json, of what was found of it."""
    rotations: Sequence[Envelope] = ()
    """What led to other keys that are to be trusted from now on."""


def admit(bundles: Mapping[str, Copies], trust: Path, digest: str = "") -> Admitted:
    """Find the one index that the keys of file `trust` vouch for, or whose sha256 is `digest`.

    Raise RefusedError, in the words of the trust that it lacks, if there is none, or several.
    """
    if digest:
        return _named(bundles, digest)
    known = read_trust(trust)
    passed: list[Admitted] = []
    refusals: list[ColdforgeError] = []
    for bundle, copies in sorted(bundles.items(), key=lambda one: -len(one[1].signatures)):
        try:
            passed.append(_checked(bundle, copies, known))
        except ColdforgeError as error:
            refusals.append(error)
    if len(passed) > 1:
        raise _several(passed)
    if not passed and not refusals:
        hint = "name the folder that holds the volumes"
        raise MissingInputError("no index of a bundle is here, or none that can be read", hint)
    if not passed:
        raise RefusedError(refusals[0].message, refusals[0].hint)
    for refusal in refusals:
        say(f"note: another index is passed over: {refusal.message}")
    return passed[0]


def _several(passed: list[Admitted]) -> RefusedError:
    names = sorted(
        f"{one.index.stack} for {one.index.kind} of {day(one.index.serial)} ({one.bundle[:12]}…)"
        for one in passed
    )
    message = f"there are {len(names)} bundles: {'; '.join(names)}"
    return RefusedError(message, "give each a folder of its own, and receive the oldest first")


def _named(bundles: Mapping[str, Copies], digest: str) -> Admitted:
    bundle = digest.lower().removeprefix("sha256:")
    if copies := bundles.get(bundle):
        signatures = [*copies.signatures, b""][0]
        return Admitted(bundle, read_index(copies.data), copies.data, signatures)
    message = f"no index here has the sha256 {digest[:80]!r}"
    raise RefusedError(message, "compare it with what the sender told, digit by digit")


def _checked(bundle: str, copies: Copies, known: Trust) -> Admitted:
    """Try the signatures of all copies together, then those of each: one may be damaged."""
    refusal = ColdforgeError(f"{WHAT} is not signed", "have it signed: --sign KEY")
    read: list[Signatures] = []
    for data in copies.signatures:
        try:
            read.append(read_signatures(data))
        except ColdforgeError as error:
            refusal = error
    for said in [together(read), *read] if read else []:
        try:
            rotations = steps(known, said.trust)
            trust = document(rotations[-1]) if rotations else known
            check(trust, TYPE, copies.data, said.signatures, WHAT)
        except ColdforgeError as error:
            refusal = error
            continue
        signatures = said.encode()
        return Admitted(bundle, read_index(copies.data), copies.data, signatures, rotations)
    raise refusal
