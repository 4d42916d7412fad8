"""Licences of a .deb, from its copyright file.

Sources: Debian Policy 12.5; machine-readable debian/copyright format 1.0.
"""

import lzma
import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from coldforge.errors import ColdforgeError
from coldforge.evidence.licences.licence import Declared
from coldforge.image.filesystem.deb import payload

SHARED = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9][A-Za-z0-9.+-]*)")
MACHINE_READABLE = re.compile(r"^Format(-Specification)?:.*(copyright-format|dep5|CopyrightFormat)")
MOST = 4 << 20  # bytes of a copyright file
# Of these files under common-licenses one version is meant, and no later one.
FIXED = {"Apache-2.0", "Artistic", "BSD", "CC0-1.0", "MPL-1.1", "MPL-2.0"}


def read(deb: Path, name: str, file: str) -> Declared:
    """Read what package `name` declares; raise ColdforgeError if the .deb is damaged."""
    import zstandard

    damage = (tarfile.TarError, lzma.LZMAError, zlib.error, zstandard.ZstdError)
    try:
        return _read(deb, f"usr/share/doc/{name}")
    except (*damage, EOFError, ValueError) as error:
        message = f"{file} is not a sound .deb: {error}"
        raise ColdforgeError(message, "run: ./invokew mirror.verify") from error


def _read(deb: Path, folder: str) -> Declared:
    for member, content in payload(deb):
        if member.path == folder and member.kind == "symlink":
            return Declared(see=PurePosixPath(member.link).name)
        if member.path == f"{folder}/copyright":
            if member.kind != "file" or content is None:
                return Declared(see=PurePosixPath(member.link).parent.name)
            return Declared(names_in(content.read(MOST).decode("utf-8", "replace")))
    return Declared()


def names_in(text: str) -> list[str]:
    """List the licences that a copyright file names.

    In a machine-readable file those of its paragraphs; else what it refers the reader to.
    """
    if not MACHINE_READABLE.match(text.lstrip("\ufeff\n ")):
        found = {name.rstrip(".-") for name in SHARED.findall(text)}
        return sorted(_shared(name) for name in found)
    return sorted({name for name in map(_licence, re.split(r"\n[ \t]*\n", text)) if name})


def _licence(paragraph: str) -> str:
    """Give the licence of a paragraph on files; one on a licence's text alone has none."""
    fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", paragraph, re.MULTILINE))
    counts = "Files" in fields or "Format" in fields or "Format-Specification" in fields
    return fields.get("License", "").strip() if counts else ""


def _shared(name: str) -> str:
    if name == "BSD":
        return "BSD-3-Clause"
    # Whether later versions may be used too is stated in free text.
    return name if name in FIXED else f"common-licenses {name}"
