"""Ed25519 keys: made, read, written as text, named by fingerprint.

Sources: RFC 8032; PKCS #8 (RFC 5958) for the private half.
"""

import base64
import getpass
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from coldforge.bootstrap.dsse import PREFIX, key_bytes
from coldforge.bootstrap.dsse import fingerprint as name_bytes
from coldforge.errors import ColdforgeError, MissingInputError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
PASSPHRASE = "COLDFORGE_KEY_PASSPHRASE"  # noqa: S105 - the variable's name
MOST = 1 << 14  # bytes of a key file


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key and what people call its owner."""

    name: str
    key: str
    """`ed25519:` and base64 of the 32 bytes."""

    @property
    def fingerprint(self) -> str:
        """Name the key briefly."""
        return fingerprint(self.key)


def make_key(path: Path, name: str = "") -> Key:
    """Write a new private key to `path` (0600) and its public half to `path`.pub.

    Neither is ever overwritten. `name` defaults to the file's. A passphrase is taken from
    COLDFORGE_KEY_PASSPHRASE or asked for on a terminal; without one the file is not encrypted.
    """
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    name = check_name(name or path.stem)
    public = path.with_name(f"{path.name}.pub")
    for place in (path, public):
        if place.exists() or place.is_symlink():
            raise ColdforgeError(f"{place} is there already", "a key is never overwritten")
    private = Ed25519PrivateKey.generate()
    word = _new_passphrase(path)
    locked = form.BestAvailableEncryption(word) if word else form.NoEncryption()
    pem = private.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, locked)
    _write_new(path, pem, 0o600)
    key = Key(name, public_text(private))
    _write_new(public, f"{key.key} {name}\n".encode(), 0o644)
    return key


def read_private(path: Path) -> "Ed25519PrivateKey":
    """Read a private key, asking for its passphrase where it has one; raise ColdforgeError."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read(path)
    if data.startswith(PREFIX.encode()):
        raise ColdforgeError(f"{path} is a public key", "sign with the file without .pub")
    word = _old_passphrase(path) if b"BEGIN ENCRYPTED" in data else None
    try:
        private = load_pem_private_key(data, word)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        why = "the passphrase does not open it" if word is not None else "it is not a private key"
        hint = f"set {PASSPHRASE}" if word is not None else "make one: ./invokew key.make FILE"
        raise ColdforgeError(f"cannot read {path}: {why}", hint) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ColdforgeError(f"{path} is not an Ed25519 key", "make one: ./invokew key.make FILE")
    return private


def read_public(path: Path) -> Key:
    """Read a public key file (`ed25519:… name`), or the public half of a private one."""
    data = _read(path)
    if b"PRIVATE KEY" in data:
        return Key(check_name(path.stem), public_text(read_private(path)))
    words = data.decode("utf-8", "replace").split()
    if not words or len(words) > 2:
        raise ColdforgeError(f"{path} does not hold a public key", "give the .pub file of key.make")
    key_bytes(words[0])
    return Key(check_name(words[1] if len(words) == 2 else path.stem), words[0])


def public_text(private: "Ed25519PrivateKey") -> str:
    """Write the public half of a private key as text."""
    data = private.public_key().public_bytes_raw()
    return PREFIX + base64.b64encode(data).decode()


def fingerprint(text: str) -> str:
    """Name a public key: SHA256: and unpadded base64 of the digest of its 32 bytes."""
    return name_bytes(key_bytes(text))


def check_name(name: str) -> str:
    """Return an owner's name that is fit to be printed; raise ColdforgeError."""
    if not NAME.fullmatch(name):
        raise ColdforgeError(f"{name[:60]!r} names no key", "use letters, digits and . _ @ + -")
    return name


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(MOST)
    except FileNotFoundError as error:
        raise MissingInputError(
            f"key {path} does not exist", "make one: ./invokew key.make FILE"
        ) from error
    except OSError as error:
        raise ColdforgeError(f"cannot read {path}: {error.strerror}") from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(place, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _new_passphrase(path: Path) -> bytes:
    if (word := os.environ.get(PASSPHRASE)) is not None:
        return word.encode()
    if not sys.stdin.isatty():
        return b""
    word = getpass.getpass(f"Passphrase for {path} (empty: none): ")
    if word and getpass.getpass("Once more: ") != word:
        raise ColdforgeError("the two passphrases differ", "start again; nothing was written")
    return word.encode()


def _old_passphrase(path: Path) -> bytes:
    if (word := os.environ.get(PASSPHRASE)) is not None:
        return word.encode()
    if not sys.stdin.isatty():
        raise ColdforgeError(f"{path} is locked by a passphrase", f"set {PASSPHRASE}")
    return getpass.getpass(f"Passphrase for {path}: ").encode()
