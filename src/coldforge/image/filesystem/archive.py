"""Read wheels, zips and tarballs as members: streamed, names checked, owners and times dropped.

Symlinks and modes of a zip are those that Info-ZIP writes: the Unix mode in the upper half of the
external attributes. Sources: PKWARE APPNOTE 6.3, 4.4.15; POSIX.1-2017, pax.
"""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.deb import as_member
from coldforge.image.filesystem.member import Member, check_link, clean_name

BUFFER = 1 << 20
LINK = 4096  # bytes a symlink's target may have
ZIPS = (".whl", ".zip")
TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz")
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    EOFError,
    NotImplementedError,  # a compression that zipfile does not know
    RuntimeError,  # an encrypted member
    ValueError,
)
Content = tuple[Member, BinaryIO | None]


def members(filename: str, path: Path) -> Iterator[Content]:
    """Read archive `filename` (its bytes at `path`) in its own order; each content once.

    Modes are 0755 for folders and what may be run, else 0644. Raise ColdforgeError on an escaping
    name or link, a device, and a kind of archive that is not known. Damage shows while a content
    is read: do that within `sound`.
    """
    if filename.endswith(ZIPS):
        return _zip(path)
    if filename.endswith(TARS):
        return _tar(path)
    raise ColdforgeError("it is not an archive that can be unpacked", "known: wheel, zip, tar")


@contextmanager
def named_damage(filename: str) -> Iterator[None]:
    """Name the archive in every error; turn errors of its format into ColdforgeErrors."""
    try:
        yield
    except ColdforgeError as error:
        raise ColdforgeError(f"{filename}: {error.message}", error.hint) from error
    except DAMAGE as error:
        why = " ".join(str(error).split()) or "it ends early"
        raise ColdforgeError(f"{filename} is damaged: {why}", "fetch or bring it again") from error


def _zip(path: Path) -> Iterator[Content]:
    with path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
        for info in archive.infolist():
            name = clean_name(info.filename)
            mode = info.external_attr >> 16
            if not name or info.is_dir():
                continue
            if stat.S_ISLNK(mode):
                target = archive.open(info).read(LINK).decode("utf-8", "surrogateescape")
                check_link(name, target)
                yield Member(name, "symlink", 0o777, link=target), None
            elif stat.S_IFMT(mode) in (0, stat.S_IFREG):
                with archive.open(info) as content:
                    member = Member(name, "file", _mode(mode), size=info.file_size)
                    yield member, cast("BinaryIO", content)
            else:
                raise ColdforgeError(f"{name} is a device or pipe", "no layer may hold one")


def _tar(path: Path) -> Iterator[Content]:
    # A stream: nothing but the member at hand is read, and gzip never seeks back.
    with (
        path.open("rb") as raw,
        tarfile.open(fileobj=raw, mode="r|*", bufsize=BUFFER) as archive,
    ):
        for info in archive:
            name = clean_name(info.name)
            if not name or info.isdir():
                continue
            member = as_member(info, name)
            if member.kind == "hardlink":
                member = replace(member, link=clean_name(info.linkname))
            mode = 0o777 if member.kind == "symlink" else _mode(member.mode)
            content = archive.extractfile(info) if info.isreg() else None
            yield (
                replace(member, mode=mode, uid=0, gid=0, capability=b""),
                cast("BinaryIO | None", content),
            )


def _mode(mode: int) -> int:
    return 0o755 if mode & 0o111 else 0o644
