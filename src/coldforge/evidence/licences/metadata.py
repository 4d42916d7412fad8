"""Licence of a wheel or sdist, from its metadata.

Source: Python's core metadata 2.4; METADATA in a wheel, PKG-INFO in an sdist.
"""

import tarfile
import zipfile
import zlib
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.evidence.licences.licence import Declared, licence

LONGEST = 100  # characters of a License field that is a name and not the text
CLASSIFIER = "License :: "
MOST = 8 << 20  # bytes of metadata


def read(path: Path, name: str, file: str) -> Declared:
    """Read what a wheel or sdist declares; raise ColdforgeError if it is damaged."""
    try:
        data = _from_wheel(path) if file.endswith(".whl") else _from_sdist(path, file)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ColdforgeError(
            f"{file} cannot be read: {error}", "run: ./invokew mirror.verify"
        ) from error
    return Declared(names_in(data))


def names_in(data: bytes) -> list[str]:
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
            if folder.endswith(".dist-info") and name == "METADATA" and info.file_size <= MOST:
                return archive.read(info)
    return b""


def _from_sdist(path: Path, file: str) -> bytes:
    if not file.endswith((".tar.gz", ".tgz")):
        return b""
    with tarfile.open(path, mode="r:gz") as archive:
        for info in archive:
            if info.isfile() and info.name.count("/") == 1 and info.name.endswith("/PKG-INFO"):
                content = archive.extractfile(info)
                return content.read(MOST) if content else b""
    return b""
