"""Check the signature of an InRelease file with gpgv and keep only what it covers."""

import base64
import binascii
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from coldforge.errors import ColdforgeError, MissingInputError

KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
)
HINT = "run: apt-get install debian-archive-keyring gpgv"
ARMOUR = re.compile(r"-----BEGIN PGP PUBLIC KEY BLOCK-----(.*?)-----END PGP", re.DOTALL)


def verified(inrelease: bytes, signed_by: str = "", keyrings: tuple[Path, ...] = KEYRINGS) -> str:
    """Return the text that a good signature covers; raise ColdforgeError.

    `signed_by` is apt's Signed-By: absolute paths or an armoured key replace the default
    `keyrings`, of which the first that exists is used; bare fingerprints leave the default.
    Raise MissingInputError when gpgv or the default keyring is not on this host.
    """
    if not shutil.which("gpgv"):
        raise MissingInputError("gpgv, which checks Debian's signatures, is not here", HINT)
    if not inrelease.startswith(b"-----BEGIN PGP SIGNED MESSAGE-----"):
        raise ColdforgeError("its InRelease is not a signed file")
    with tempfile.TemporaryDirectory(prefix="coldforge-gpgv-") as folder:
        home = Path(folder)
        rings = _keyrings(signed_by, keyrings, home)
        return _gpgv(inrelease, rings, home).decode("utf-8", "replace")


def dearmoured(text: str) -> bytes:
    """Decode every public key block in `text`; raise ColdforgeError when there is none."""
    keys = b""
    for block in ARMOUR.findall(text):
        # Headers end at the first empty line; a line that starts with '=' is the checksum.
        _, _, body = block.replace("\r", "").partition("\n\n")
        lines = [line for line in body.split() if not line.startswith("=")]
        try:
            keys += base64.b64decode("".join(lines), validate=True)
        except binascii.Error as error:
            raise ColdforgeError("the armoured key of Signed-By is damaged") from error
    if not keys:
        raise ColdforgeError("Signed-By holds no armoured public key")
    return keys


def _gpgv(inrelease: bytes, rings: list[Path], home: Path) -> bytes:
    """Run gpgv without any configuration of the user's; SHA-1 does not count, as in apt."""
    signed, text = home / "InRelease", home / "Release"
    signed.write_bytes(inrelease)
    command = ["gpgv", "--homedir", str(home), "--status-fd", "1", "--weak-digest", "SHA1"]
    for ring in rings:
        command += ["--keyring", str(ring)]
    command += ["--output", str(text), str(signed)]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    marks = set(re.findall(r"^\[GNUPG:\] (\w+)", result.stdout, re.MULTILINE))
    # Its exit code is 2 already when one of several signers is newer than the keyring.
    if "GOODSIG" in marks and not marks & {"BADSIG", "NODATA"} and text.is_file():
        return text.read_bytes()
    raise ColdforgeError(f"the signature of its InRelease is not good ({_reason(marks)})")


def _reason(marks: set[str]) -> str:
    if "BADSIG" in marks:
        return "the file was changed after signing"
    if "NO_PUBKEY" in marks:
        return "signed by keys that the keyring does not hold"
    if marks & {"EXPKEYSIG", "EXPSIG", "REVKEYSIG"}:
        return "the key has expired or was revoked"
    return "gpgv found no signature it accepts"


def _keyrings(signed_by: str, keyrings: tuple[Path, ...], home: Path) -> list[Path]:
    if "BEGIN PGP" in signed_by:
        # In deb822 every line is indented and an empty one is written as a dot.
        lines = (line.strip() for line in signed_by.splitlines())
        return [_binary("\n".join("" if line == "." else line for line in lines), home)]
    named = [Path(item) for item in re.split(r"[\s,]+", signed_by) if item.startswith("/")]
    if not named:
        named = [path for path in keyrings if path.is_file()][:1]
        if not named:
            raise MissingInputError("the keyring of the Debian archive is not here", HINT)
    return [_readable(path, home) for path in named]


def _readable(path: Path, home: Path) -> Path:
    """Pass on a binary keyring; gpgv reads no armoured one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ColdforgeError(f"cannot read its keyring {path}: {error.strerror}") from error
    if content.startswith(b"-----BEGIN"):
        return _binary(content.decode("ascii", "replace"), home)
    return path.resolve()


def _binary(text: str, home: Path) -> Path:
    number = sum(1 for _ in home.glob("key-*.gpg"))
    path = home / f"key-{number}.gpg"
    path.write_bytes(dearmoured(text))
    return path
