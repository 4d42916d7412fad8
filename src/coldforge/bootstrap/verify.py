"""Choose the trusted bundle: signed by trusted keys, or with the digest that was given."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from coldforge.bootstrap.dsse import decode64, fingerprint, key_bytes, pae
from coldforge.bootstrap.ed25519 import verify
from coldforge.bootstrap.folder import Copies
from coldforge.bootstrap.index import parse_index
from coldforge.bootstrap.strict import read_json
from coldforge.bootstrap.volume import MAX_SIGNATURES
from coldforge.errors import ColdforgeError, MissingInputError, RefusedError

TYPE = "application/vnd.coldforge.bundle+json"
FORMAT = 1
MAX_TRUST = 1 << 20  # bytes
MAX_KEYS = 64
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
MAX_KEY_FILE = 1 << 14  # bytes
MAX_CHECKED = 256  # signatures checked


class TrustedKeys(NamedTuple):
    """Trusted keys, fingerprint -> 32 bytes, and how many of them must sign."""

    threshold: int
    keys: dict[str, bytes]


def parse_trust(data: bytes) -> TrustedKeys:
    """Read a trust file; raise ColdforgeError."""
    value = read_json(data, "the trust file", MAX_TRUST)
    try:
        texts = [entry["key"] for entry in value["keys"]]
        known = all(set(entry) == {"name", "key"} for entry in value["keys"])
        known = known and set(value) == {"format", "version", "threshold", "keys"}
        known = known and all(NAME.fullmatch(entry["name"]) for entry in value["keys"])
        known = known and value["format"] == FORMAT and type(value["threshold"]) is int
        keys = {fingerprint(raw): raw for raw in map(key_bytes, texts)}
    except (KeyError, TypeError, AttributeError):
        known, texts, keys = False, [], {}
    if not known or len(keys) != len(texts) or len(keys) > MAX_KEYS:
        raise ColdforgeError("the trust file is malformed", "make it with: invokew key.trust")
    if not 1 <= value["threshold"] <= len(keys):
        raise ColdforgeError(
            "the trust file's threshold cannot be met", "make it again: invokew key.trust"
        )
    return TrustedKeys(value["threshold"], keys)


def as_trust_file(data: bytes) -> bytes:
    """Turn the file of one public key into a trust file of that key; return others unchanged."""
    words = data[:MAX_KEY_FILE].decode("utf-8", "replace").split()
    if not (words and words[0].startswith("ed25519:") and len(words) <= 2):
        return data
    key = {"name": words[-1] if len(words) == 2 else "sender", "key": words[0]}
    document = {"format": FORMAT, "keys": [key], "threshold": 1, "version": 1}
    return json.dumps(document, indent=1).encode() + b"\n"


def parse_signatures(data: bytes) -> list[tuple[str, str]]:
    """List key id and signature of each; [] if the document is malformed."""
    try:
        value = read_json(data, "the signatures", MAX_SIGNATURES)
        found = [(_text(one["keyid"]), _text(one["sig"])) for one in value["signatures"]]
    except (ColdforgeError, KeyError, TypeError):
        return []
    return found


def signers(trust: TrustedKeys, payload: bytes, signatures: list[tuple[str, str]]) -> set[str]:
    """Return the fingerprints of the trusted keys that signed `payload` as an index."""
    found = set()
    message = pae(TYPE, payload)
    for keyid, text in list(dict.fromkeys(signatures))[:MAX_CHECKED]:
        if keyid in trust.keys and keyid not in found:
            signature = decode64(text)
            if signature is not None and verify(trust.keys[keyid], message, signature):
                found.add(keyid)
    return found


def bundle_by_signatures(copies: dict[str, Copies], trust: TrustedKeys) -> str:
    """Choose the newest index signed by enough trusted keys; raise RefusedError if none is."""
    good = {
        bundle: parse_index(one_copy.data).serial
        for bundle, one_copy in copies.items()
        if len(signers(trust, one_copy.data, claimed_signatures(one_copy))) >= trust.threshold
    }
    if good:
        return max(good, key=lambda bundle: (good[bundle], bundle))
    require_index(copies)
    claimed = {
        keyid for one_copy in copies.values() for keyid, _sig in claimed_signatures(one_copy)
    }
    hint = "use the current trust file, or a bundle signed by its keys"
    if not claimed:
        raise RefusedError("the bundle is not signed", "have it signed: mirror.bundle --sign KEY")
    if not claimed & set(trust.keys):
        raise RefusedError("no key of the trust file signed the bundle", hint)
    most = max(
        len(signers(trust, one_copy.data, claimed_signatures(one_copy)))
        for one_copy in copies.values()
    )
    if most:
        message = f"the bundle has {most} of the {trust.threshold} signatures needed"
        raise RefusedError(message, "have it signed with more of the trusted keys")
    raise RefusedError("the signatures do not match the bundle: it was changed", hint)


def bundle_by_digest(copies: dict[str, Copies], digest: str) -> str:
    """Choose the index with this sha256; raise RefusedError if it is not here."""
    wanted = digest.strip().lower()
    require_index(copies)
    if wanted not in copies:
        message = f"no index here has the digest {wanted[:80]!r}"
        raise RefusedError(message, f"found: {', '.join(sorted(copies)[:3])}")
    return wanted


def require_index(copies: dict[str, Copies]) -> None:
    """Raise MissingInputError if there is no index."""
    if not copies:
        raise MissingInputError("there is no intact index here", "add index.json or a volume")


def claimed_signatures(one_copy: Copies) -> list[tuple[str, str]]:
    """List the signatures in all copies, unverified."""
    return [one for data in one_copy.signatures for one in parse_signatures(data)]


def _text(value: Any) -> str:  # noqa: ANN401 - what JSON can hold
    if not isinstance(value, str):
        raise TypeError
    return value
