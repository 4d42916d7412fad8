"""Licences that a package's own files declare: a wheel's or sdist's metadata, a .deb's copyright.

Sources: Python's core metadata 2.4, METADATA in a wheel and PKG-INFO in an sdist; Debian Policy
12.5 and machine-readable debian/copyright format 1.0.
"""

import lzma
import re
import tarfile
import zipfile
import zlib
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path, PurePosixPath

from coldforge.errors import ColdforgeError
from coldforge.evidence.licences.licence import Declared, licence
from coldforge.image.filesystem.deb import payload

LONGEST = 100  # characters of a License field that is a name and not the text
CLASSIFIER = "License :: "
LARGEST_METADATA = 8 << 20  # bytes of metadata


def read_metadata(path: Path, name: str, file: str) -> Declared:
    """Read what a wheel or sdist declares; raise ColdforgeError if it is damaged."""
    try:
        data = _from_wheel(path) if file.endswith(".whl") else _from_sdist(path, file)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ColdforgeError(
            f"{file} cannot be read: {error}", "run: ./invokew mirror.verify"
        ) from error
    return Declared(metadata_licences(data))


def metadata_licences(data: bytes) -> list[str]:
    """Name the licence that core metadata gives, from its most exact field to its vaguest."""
    fields: Message = BytesHeaderParser().parsebytes(data)
    if exact := _text(fields.get("License-Expression")):
        return [exact]
    plain = _text(fields.get("License"))
    plain = "" if len(plain) > LONGEST or plain.upper() == "UNKNOWN" else plain
    if plain and not licence([plain]).names:
        return [plain]
    told = [_text(value) for value in fields.get_all("Classifier", [])]
    classes = [text.rpartition(" :: ")[2] for text in told if text.startswith(CLASSIFIER)]
    classes = [name for name in classes if name != "OSI Approved"]
    known = [name for name in classes if not licence([name]).names]
    return known or ([plain] if plain else classes)


def _text(value: object) -> str:
    return " ".join(str(value).split()) if value else ""


def _from_wheel(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            folder, _, name = info.filename.partition("/")
            if (
                folder.endswith(".dist-info")
                and name == "METADATA"
                and info.file_size <= LARGEST_METADATA
            ):
                return archive.read(info)
    return b""


def _from_sdist(path: Path, file: str) -> bytes:
    if not file.endswith((".tar.gz", ".tgz")):
        return b""
    with tarfile.open(path, mode="r:gz") as archive:
        for info in archive:
            if info.isfile() and info.name.count("/") == 1 and info.name.endswith("/PKG-INFO"):
                content = archive.extractfile(info)
                return content.read(LARGEST_METADATA) if content else b""
    return b""


SHARED = re.compile(r"/usr/share/common-licenses/([A-Za-z0-9][A-Za-z0-9.+-]*)")
MACHINE_READABLE = re.compile(r"^Format(-Specification)?:.*(copyright-format|dep5|CopyrightFormat)")
LARGEST_COPYRIGHT = 4 << 20  # bytes of a copyright file
# Of these files under common-licenses one version is meant, and no later one.
FIXED = {"Apache-2.0", "Artistic", "BSD", "CC0-1.0", "MPL-1.1", "MPL-2.0"}


def read_copyright(deb: Path, name: str, file: str) -> Declared:
    """Read what package `name` declares; raise ColdforgeError if the .deb is damaged."""
    import zstandard

    damage = (tarfile.TarError, lzma.LZMAError, zlib.error, zstandard.ZstdError)
    try:
        return _read_deb(deb, f"usr/share/doc/{name}")
    except (*damage, EOFError, ValueError) as error:
        message = f"{file} is not a sound .deb: {error}"
        raise ColdforgeError(message, "run: ./invokew mirror.verify") from error


def _read_deb(deb: Path, folder: str) -> Declared:
    for member, content in payload(deb):
        if member.path == folder and member.kind == "symlink":
            return Declared(see=PurePosixPath(member.link).name)
        if member.path == f"{folder}/copyright":
            if member.kind != "file" or content is None:
                return Declared(see=PurePosixPath(member.link).parent.name)
            return Declared(
                copyright_licences(content.read(LARGEST_COPYRIGHT).decode("utf-8", "replace"))
            )
    return Declared()


def copyright_licences(text: str) -> list[str]:
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
