"""The trust file: which keys may sign, and how many signatures are needed."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.atomic import write_file
from coldforge.files.digest import canonical_json
from coldforge.trust.envelope import MOST_SIGNATURES, Signature, is_valid, read_strict
from coldforge.trust.keys import Key, check_name

FORMAT = 1
MOST_KEYS = 64
Count = Annotated[int, msgspec.Meta(ge=1, le=1 << 31)]


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a trust file: `threshold` of `keys` must sign."""

    format: int
    version: Count
    """Counts rotations: each is one more than the document that it replaces."""
    threshold: Count
    keys: list[Key]

    @property
    def names(self) -> dict[str, str]:
        """Map each fingerprint to the name of the key's owner."""
        return {key.fingerprint: key.name for key in self.keys}

    @property
    def payload(self) -> bytes:
        """Encode as the bytes that are signed."""
        return canonical_json(msgspec.to_builtins(self))


def parse_trust(data: bytes, what: str) -> Trust:
    """Decode and check a trust document; raise ColdforgeError naming `what`."""
    return checked(read_strict(data, Trust, what), what)


def checked(trust: Trust, what: str) -> Trust:
    """Return `trust` if it is consistent; raise ColdforgeError naming `what`."""
    if trust.format != FORMAT:
        raise ColdforgeError(f"{what} has format {trust.format}, this tool reads {FORMAT}")
    if len(trust.keys) > MOST_KEYS:
        raise ColdforgeError(f"{what} lists {len(trust.keys)} keys, at most {MOST_KEYS} may be")
    if trust.threshold > len(trust.keys):
        message = f"{what} asks for {trust.threshold} signatures of {len(trust.keys)} keys"
        raise ColdforgeError(message, "lower the threshold or add keys")
    names = [check_name(key.name) for key in trust.keys]
    for item, times in (Counter(names) + Counter(key.fingerprint for key in trust.keys)).items():
        if times > 1:
            raise ColdforgeError(f"{what} lists {item} twice", "a key counts once: remove one")
    return trust


def read_trust(path: Path) -> Trust:
    """Read a trust file; raise ColdforgeError when it is absent or malformed."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingInputError(
            "this site trusts no key yet", "run: ./invokew key.trust --key FILE.pub"
        ) from error
    return parse_trust(data, str(path))


def write_trust(path: Path, trust: Trust) -> None:
    """Write a trust file atomically."""
    write_file(path, msgspec.json.format(trust.payload, indent=1) + b"\n")


def admit(path: Path, keys: list[Key], threshold: int = 0) -> Trust:
    """Trust more keys by this site's own authority; make the trust file if there is none.

    A threshold of 0 keeps the present one, or 1. The version stays: it counts rotations.
    """
    old = read_trust(path) if path.exists() else Trust(FORMAT, 1, 1, [])
    more = [key for key in dict.fromkeys(keys) if key not in old.keys]
    new = Trust(FORMAT, old.version, threshold or old.threshold, [*old.keys, *more])
    write_trust(path, checked(new, "the trust file"))
    return new


def signers(
    trust: Trust, payload_type: str, payload: bytes, signatures: Iterable[Signature]
) -> set[str]:
    """Return the fingerprints of the trusted keys that signed these bytes of this type."""
    keys = {key.fingerprint: key for key in trust.keys}
    return {
        signature.keyid
        for signature in list(signatures)[:MOST_SIGNATURES]
        if signature.keyid in keys
        and is_valid(keys[signature.keyid], payload_type, payload, signature)
    }


def check(
    trust: Trust,
    payload_type: str,
    payload: bytes,
    signatures: Iterable[Signature],
    what: str = "this",
) -> set[str]:
    """Return who signed; raise ColdforgeError unless enough distinct trusted keys did.

    `what` begins the message, e.g. "the bundle's index".
    """
    signatures = list(signatures)
    good = signers(trust, payload_type, payload, signatures)
    if len(good) >= trust.threshold:
        return good
    if not signatures:
        raise ColdforgeError(f"{what} is not signed", "have it signed: --sign KEY")
    invalid = sorted(
        {trust.names[s.keyid] for s in signatures if s.keyid in trust.names.keys() - good}
    )
    if invalid:
        message = f"{what} does not match the signature of {', '.join(invalid)}: one was changed"
        raise ColdforgeError(message, "get it again from its source")
    unknown = sorted({s.keyid[:60] for s in signatures} - good)[:3]
    if not good:
        shown = ", ".join(repr(one)[1:-1] for one in unknown)
        hint = "if its owner is to be trusted: ./invokew key.trust --key FILE.pub"
        raise ColdforgeError(f"{what} is signed by no key trusted here, but by {shown}", hint)
    message = f"{what} has {len(good)} of the {trust.threshold} signatures needed here"
    raise ColdforgeError(message, "have it signed with more of the trusted keys")
