"""Lay out the payload of .deb files without running dpkg: the root a first dpkg can run in.

Sources: deb(5), ar(5); merged /usr as in Debian 12 (bin, sbin, lib* are links into /usr).
"""

import lzma
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, BinaryIO, cast

from coldforge.errors import ColdforgeError
from coldforge.image.member import CAPABILITY, Member, check_link, clean_name

MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
AR_MAGIC = b"!<arch>\n"
Add = Callable[[Member, BinaryIO | None], None]


def lay_out(debs: list[Path], add: Add) -> None:
    """Write the data members of `debs`, merged into /usr; the first to write a path wins."""
    seen = set(MERGED)
    for name in ("bin", "lib", "lib64", "sbin"):
        add(Member(f"usr/{name}", "dir", 0o755), None)
        add(Member(name, "symlink", 0o777, link=f"usr/{name}"), None)
    for deb in debs:
        for member, content in payload(deb):
            if member.path not in seen:
                seen.add(member.path)
                add(member, content)


def payload(deb: Path) -> Iterator[tuple[Member, BinaryIO | None]]:
    """Read the data archive of a .deb; raise ColdforgeError on what no package may hold."""
    with deb.open("rb") as stream:
        try:
            with tarfile.open(fileobj=data_archive(stream), mode="r|") as archive:
                for info in archive:
                    path = merged(clean_name(info.name))
                    if path:
                        content = archive.extractfile(info) if info.isfile() else None
                        yield as_member(info, path), cast("BinaryIO | None", content)
        except (tarfile.TarError, lzma.LZMAError, EOFError) as error:
            raise ColdforgeError(
                f"{deb.name} is not a sound .deb: {error}", "fetch it again"
            ) from error


def as_member(info: tarfile.TarInfo, path: str) -> Member:
    """Convert an archive member; raise ColdforgeError on devices, fifos and escaping links."""
    mode = info.mode & 0o7777
    if info.isdir():
        return Member(path, "dir", mode, info.uid, info.gid)
    if info.issym():
        check_link(path, info.linkname)
        return Member(path, "symlink", 0o777, info.uid, info.gid, link=info.linkname)
    if info.islnk():
        return Member(
            path, "hardlink", mode, info.uid, info.gid, link=merged(clean_name(info.linkname))
        )
    if not info.isreg():
        raise ColdforgeError(f"/{path} is a device or pipe", "no layer may hold one")
    value = info.pax_headers.get(f"SCHILY.xattr.{CAPABILITY}", "")
    capability = value.encode("utf-8", "surrogateescape")
    return Member(path, "file", mode, info.uid, info.gid, info.size, capability=capability)


def merged(path: str) -> str:
    """Move a path of the old split layout below /usr."""
    top = path.partition("/")[0]
    return f"usr/{path}" if top in MERGED else path


def data_archive(stream: BinaryIO) -> IO[bytes]:
    """Find data.tar* in an ar archive and decompress it; raise ColdforgeError."""
    if stream.read(len(AR_MAGIC)) != AR_MAGIC:
        raise ColdforgeError(f"{Path(stream.name).name} is not a .deb", "fetch it again")
    while len(header := stream.read(60)) == 60:
        name, size = header[:16].decode("ascii", "replace").strip(" /"), int(header[48:58])
        if name.startswith("data.tar"):
            return _decompressed(name, stream)
        stream.seek(size + size % 2, 1)
    raise ColdforgeError(f"{Path(stream.name).name} holds no data archive", "fetch it again")


def _decompressed(name: str, stream: BinaryIO) -> IO[bytes]:
    if name.endswith(".xz"):
        return lzma.LZMAFile(stream)
    if name.endswith(".zst"):
        import zstandard

        return cast("IO[bytes]", zstandard.ZstdDecompressor().stream_reader(stream))
    if name.endswith(".gz"):
        import gzip

        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    if name == "data.tar":
        return stream
    raise ColdforgeError(f"{Path(stream.name).name}: unknown compression {name}")
