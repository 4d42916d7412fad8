"""Unpack the payload of .deb files without running dpkg: the root in which dpkg can run.

As `dpkg-deb --fsys-tarfile FILE | tar -xp` does, but into a merged /usr, as debootstrap makes it
for Debian 12: bin, sbin and lib* are links into /usr. Maintainer scripts do not run.

The ar archive is read here, not by debian.arfile: that reports a truncated member as its end, and
refuses bytes after the last one.

Sources: deb(5), ar(5), debootstrap(8).
"""

import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.member import CAPABILITY, Member, check_link, clean_name

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

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
        with _sound(deb):
            for member, content in payload(deb):
                if member.path not in seen:
                    seen.add(member.path)
                    add(member, content)


def payload(deb: Path) -> Iterator[tuple[Member, BinaryIO | None]]:
    """Read the data archive of a .deb; raise ColdforgeError on what no package may hold."""
    with (
        deb.open("rb") as stream,
        tarfile.open(fileobj=data_archive(stream), mode="r|") as archive,
    ):
        for info in archive:
            path = merged(clean_name(info.name))
            if path:
                content = archive.extractfile(info) if info.isfile() else None
                yield as_member(info, path), cast("BinaryIO | None", content)


@contextmanager
def _sound(deb: Path) -> Iterator[None]:
    """Name the package that turns out damaged, also while its content is being copied."""
    import gzip

    import zstandard

    damage = (tarfile.TarError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)
    try:
        yield
    except (*damage, EOFError, ValueError) as error:
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
            return _decompressed(name, cast("BinaryIO", _Part(stream, size)), stream.name)
        stream.seek(size + size % 2, 1)
    raise ColdforgeError(f"{Path(stream.name).name} holds no data archive", "fetch it again")


class _Part(io.RawIOBase):
    """The bytes of one ar member; a decompressor would read on into the next."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self.stream, self.left = stream, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        data = self.stream.read(min(len(view), self.left))
        if self.left and not data:
            raise EOFError("it ends early")
        view[: len(data)] = data
        self.left -= len(data)
        return len(data)


def _decompressed(name: str, stream: BinaryIO, deb: str) -> IO[bytes]:
    if name.endswith(".xz"):
        return lzma.LZMAFile(stream)
    if name.endswith(".zst"):
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(stream, read_across_frames=True)
        return cast("IO[bytes]", reader)
    if name.endswith(".gz"):
        import gzip

        return cast("IO[bytes]", gzip.GzipFile(fileobj=stream))
    if name == "data.tar":
        return stream
    raise ColdforgeError(f"{Path(deb).name}: unknown compression {name}")
