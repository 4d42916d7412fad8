"""Whether a bundle is vouched for: by keys that the site trusts, or by its digest told by hand."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from coldforge.bootstrap.dsse import decode64, fingerprint, key_bytes, pae
from coldforge.bootstrap.ed25519 import verify
from coldforge.bootstrap.folder import Copies
from coldforge.bootstrap.index import parse_index
from coldforge.bootstrap.strict import read_json
from coldforge.bootstrap.volume import MOST_SIGNATURES
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError

TYPE = "application/vnd.coldforge.bundle+json"
FORMAT = 1
MOST_TRUST = 1 << 20  # bytes
MOST_KEYS = 64
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
MOST_KEY_FILE = 1 << 14  # bytes
MOST_COUNTED = 256  # signatures looked at


class Trust(NamedTuple):
    """How many of which keys must sign: fingerprint -> the key's 32 bytes."""

    threshold: int
    keys: dict[str, bytes]


def parse_trust(data: bytes) -> Trust:
    """Read a trust file; raise ColdforgeError."""
    value = read_json(data, "the trust file", MOST_TRUST)
    try:
        texts = [entry["key"] for entry in value["keys"]]
        known = all(set(entry) == {"name", "key"} for entry in value["keys"])
        known = known and set(value) == {"format", "version", "threshold", "keys"}
        known = known and all(NAME.fullmatch(entry["name"]) for entry in value["keys"])
        known = known and value["format"] == FORMAT and type(value["threshold"]) is int
        keys = {fingerprint(raw): raw for raw in map(key_bytes, texts)}
    except (KeyError, TypeError, AttributeError):
        known, texts, keys = False, [], {}
    if not known or len(keys) != len(texts) or len(keys) > MOST_KEYS:
        raise ColdforgeError("the trust file is malformed", "make it with: invokew key.trust")
    if not 1 <= value["threshold"] <= len(keys):
        raise ColdforgeError("the trust file's threshold cannot be met", "make it anew")
    return Trust(value["threshold"], keys)


def as_trust(data: bytes) -> bytes:
    """Turn the file of one public key into the trust file that names it alone; others stay."""
    words = data[:MOST_KEY_FILE].decode("utf-8", "replace").split()
    if not (words and words[0].startswith("ed25519:") and len(words) <= 2):
        return data
    key = {"name": words[-1] if len(words) == 2 else "sender", "key": words[0]}
    document = {"format": FORMAT, "keys": [key], "threshold": 1, "version": 1}
    return json.dumps(document, indent=1).encode() + b"\n"


def parse_signatures(data: bytes) -> list[tuple[str, str]]:
    """List key id and signature of each; none where the document is damaged or odd."""
    try:
        value = read_json(data, "the signatures", MOST_SIGNATURES)
        found = [(_text(one["keyid"]), _text(one["sig"])) for one in value["signatures"]]
    except (ColdforgeError, KeyError, TypeError):
        return []
    return found


def signers(trust: Trust, payload: bytes, signatures: list[tuple[str, str]]) -> set[str]:
    """Name, by fingerprint, each trusted key that signed these bytes as a bundle's index."""
    found = set()
    message = pae(TYPE, payload)
    for keyid, text in list(dict.fromkeys(signatures))[:MOST_COUNTED]:
        if keyid in trust.keys and keyid not in found:
            signature = decode64(text)
            if signature is not None and verify(trust.keys[keyid], message, signature):
                found.add(keyid)
    return found


def trusted(copies: dict[str, Copies], trust: Trust) -> str:
    """Choose the newest index that enough trusted keys signed; raise RefusedError if none is."""
    good = {
        bundle: parse_index(held.data).serial
        for bundle, held in copies.items()
        if len(signers(trust, held.data, claims(held))) >= trust.threshold
    }
    if good:
        return max(good, key=lambda bundle: (good[bundle], bundle))
    need_one(copies)
    claimed = {keyid for held in copies.values() for keyid, _sig in claims(held)}
    hint = "bring the trust file that is valid now, or a bundle that these keys signed"
    if not claimed:
        raise RefusedError("the bundle is not signed", "have it signed: mirror.bundle --sign KEY")
    if not claimed & set(trust.keys):
        raise RefusedError("the bundle is signed by no key of the trust file", hint)
    most = max(len(signers(trust, held.data, claims(held))) for held in copies.values())
    if most:
        message = f"the bundle has {most} of the {trust.threshold} signatures needed"
        raise RefusedError(message, "have it signed with more of the trusted keys")
    raise RefusedError("the bundle does not fit its signatures: it was changed", hint)


def told(copies: dict[str, Copies], digest: str) -> str:
    """Choose the index whose sha256 somebody told; raise RefusedError if it is not here."""
    wanted = digest.strip().lower()
    need_one(copies)
    if wanted not in copies:
        message = f"no index here has the digest {wanted[:80]!r}"
        raise RefusedError(message, f"here is: {', '.join(sorted(copies)[:3])}")
    return wanted


def need_one(copies: dict[str, Copies]) -> None:
    """Raise MissingInputError if there is no index at all."""
    if not copies:
        raise MissingInputError("there is no whole index here", "bring index.json or one volume")


def claims(held: Copies) -> list[tuple[str, str]]:
    """List what the copies of an index's signatures say, right or wrong."""
    return [one for data in held.signatures for one in parse_signatures(data)]


def _text(value: Any) -> str:  # noqa: ANN401 - what JSON can hold
    if not isinstance(value, str):
        raise TypeError
    return value
