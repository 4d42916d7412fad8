"""Rotation: new trust documents, signed by the keys they replace."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.files.atomic import write_file
from coldforge.progress import say
from coldforge.trust.envelope import Envelope, Signature, read_envelope, seal, sign
from coldforge.trust.keys import Key, fingerprint, public_text, read_private
from coldforge.trust.trust import (
    FORMAT,
    Trust,
    check,
    checked,
    parse_trust,
    read_trust,
    signers,
    write_trust,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PAYLOAD_TYPE = "application/vnd.coldforge.trust+json"
WHAT = "a new trust document"
FOLDER = "rotations"


@dataclass(frozen=True)
class KeyChange:
    """What a rotation changes; a threshold of 0 leaves it as it is."""

    add: list[Key]
    remove: list[str]
    threshold: int


def rotate(present: Path, out: Path, change: KeyChange, keys: list[Path]) -> Envelope:
    """Sign, at `out`, the document that is to replace the trust file `present`.

    People sign one after another: an `out` that exists gets the signatures of `keys` added.
    """
    trust = read_trust(present)
    envelope = _standing(trust, out, change) or seal(
        PAYLOAD_TYPE, propose(trust, change).payload, []
    )
    concerned = trust.names | document(envelope).names
    private = [read_private(path) for path in keys]
    for path, key in zip(keys, private, strict=True):
        if fingerprint(public_text(key)) not in concerned:
            raise ColdforgeError(
                f"{path} is neither an old nor a new key", "its signature would not count"
            )
    envelope = endorse(envelope, private)
    write_file(out, msgspec.json.format(msgspec.json.encode(envelope), indent=1) + b"\n")
    return envelope


def _standing(trust: Trust, out: Path, change: KeyChange) -> Envelope | None:
    """Read the proposal that others signed before; raise ColdforgeError if it is another one."""
    if not out.exists():
        return None
    envelope = read_rotation(out)
    new = document(envelope)
    if new.version != trust.version + 1:
        message = f"{out} holds trust document {new.version}, this site trusts {trust.version}"
        raise ColdforgeError(message, "name another file with --out")
    if (change.add or change.remove or change.threshold) and propose(trust, change) != new:
        raise ColdforgeError(f"{out} proposes something else", "sign it as it is, or name another")
    return envelope


def read_rotation(path: Path) -> Envelope:
    """Read the envelope of a new trust document; raise ColdforgeError."""
    try:
        return read_envelope(path.read_bytes(), str(path))
    except OSError as error:
        raise ColdforgeError(f"cannot read {path}: {error.strerror}") from error


def propose(trust: Trust, change: KeyChange) -> Trust:
    """Describe the successor of `trust`; raise ColdforgeError if it is inconsistent."""
    known = {key.name for key in trust.keys}
    for name in change.remove:
        if name not in known:
            hint = f"it trusts: {', '.join(sorted(known))}"
            raise ColdforgeError(f"this site trusts no key named '{name}'", hint)
    keys = [key for key in trust.keys if key.name not in change.remove] + change.add
    new = Trust(FORMAT, trust.version + 1, change.threshold or trust.threshold, keys)
    if (new.threshold, new.keys) == (trust.threshold, trust.keys):
        raise ColdforgeError("this changes nothing", "give --add, --remove or --threshold")
    return checked(new, "the new trust document")


def endorse(envelope: Envelope, keys: Iterable["Ed25519PrivateKey"]) -> Envelope:
    """Add signatures of private keys to an envelope."""
    payload = envelope.content
    more = [sign(envelope.payload_type, payload, key) for key in keys]
    return seal(envelope.payload_type, payload, [*envelope.signatures, *more])


def document(envelope: Envelope) -> Trust:
    """Read the trust document in an envelope, whoever signed it; raise ColdforgeError."""
    if envelope.payload_type != PAYLOAD_TYPE:
        shown = repr(envelope.payload_type[:60])
        raise ColdforgeError(f"a trust document is expected, but {shown} is in the envelope")
    trust = parse_trust(envelope.content, WHAT)
    if trust.payload != envelope.content:
        raise ColdforgeError("a new trust document is not in canonical form", "make it again")
    return trust


def missing_signatures(trust: Trust, envelope: Envelope) -> tuple[int, int]:
    """Count the signatures still missing: of the keys that `trust` lists, and of the new ones."""
    new = document(envelope)
    given = (PAYLOAD_TYPE, envelope.content, envelope.signatures)
    old_left = trust.threshold - len(signers(trust, *given))
    return max(0, old_left), max(0, new.threshold - len(signers(new, *given)))


def succeed(trust: Trust, envelopes: Iterable[Envelope]) -> Trust:
    """Follow a chain of rotations from `trust`, in any order, as far as it leads; see `steps`."""
    taken = steps(trust, envelopes)
    return document(taken[-1]) if taken else trust


def steps(trust: Trust, envelopes: Iterable[Envelope]) -> list[Envelope]:
    """List the rotations, of those given in any order, that lead on from `trust`.

    Each step must be signed by a threshold of the keys it replaces and by a threshold of its
    own, or ColdforgeError is raised. A document as old as `trust`, or older, is skipped, and so
    is one that no key trusted here signed: it belongs to another chain.
    """
    chain: dict[bytes, list[Signature]] = {}
    for envelope in envelopes:
        chain.setdefault(document(envelope).payload, []).extend(envelope.signatures)
    found = [(parse_trust(payload, WHAT), signed) for payload, signed in chain.items()]
    taken = []
    for new, signed in sorted(found, key=lambda step: step[0].version):
        if new.version <= trust.version:
            continue
        given = (PAYLOAD_TYPE, new.payload, signed)
        name = f"trust document {new.version}"
        if new.version != trust.version + 1 or not signers(trust, *given):
            say(f"note: {name} does not follow from what is trusted here; passed over")
            continue
        check(trust, *given, what=name)
        check(new, *given, what=f"{name}, to be signed by its own keys too,")
        taken.append(seal(*given))
        trust = new
    return taken


def follow(place: Path, path: Path) -> Trust:
    """Let a rotation replace the trust file at `place`; raise ColdforgeError if it may not."""
    old, envelope = read_trust(place), read_rotation(path)
    new = succeed(old, [envelope])
    if new == old:
        version = document(envelope).version
        message = f"trust document {version} does not follow version {old.version} of this site"
        raise ColdforgeError(message, "take the versions in order, each signed by the one before")
    adopt(place, [envelope])
    return new


def adopt(place: Path, envelopes: Iterable[Envelope]) -> None:
    """Let rotations, proved by `steps`, replace the trust file at `place`.

    They are kept beside it, for others to follow.
    """
    for envelope in envelopes:
        data = msgspec.json.format(msgspec.json.encode(envelope), indent=1) + b"\n"
        write_file(place.with_name(FOLDER) / f"{document(envelope).version}.json", data)
        write_trust(place, document(envelope))


def remembered(place: Path) -> list[Envelope]:
    """List the rotations kept beside the trust file at `place`: bundles carry them all."""
    return [read_rotation(path) for path in sorted(place.with_name(FOLDER).glob("*.json"))]
