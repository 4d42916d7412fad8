"""What a tar holds: names, and the few bytes that identify it. Nothing is unpacked."""

import posixpath
import re
import tarfile
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple, cast

from coldforge.errors import ColdforgeError
from coldforge.files.digest import CHUNK
from coldforge.mirror.carried.kind import FileFormat
from coldforge.mirror.carried.reading import (
    BZIP2,
    GZIP,
    XZ,
    ArchivePart,
    Decompressed,
    HashedFile,
    ReadLimits,
    damage,
    reporting,
)

BLOCK = 512
MOST = 64 << 10  # bytes of a small file that are kept
SMALL = {"NvInferVersion.h", "version.json"}
HEAD = 20  # bytes that hold the magic number and e_machine
NAMES = {0x3E: "x86_64", 0xB7: "aarch64", 0x15: "ppc64le", 0x03: "x86"}
LIBRARY = re.compile(r"lib[^/]+\.so(\.[0-9]+)*")


class Contents(NamedTuple):
    """A tar, read from front to end."""

    names: list[str]
    kept: dict[str, bytes]
    """Path -> a small file's content, or the head of a library."""

    @property
    def tops(self) -> list[str]:
        """List what stands at the top."""
        return sorted({name.partition("/")[0] for name in self.names})

    def of(self, libraries: Iterable[str]) -> set[str]:
        """Name the processors that some libraries are for; none for other files."""
        return {elf_machine(self.kept[path]) for path in libraries} - {""}


def read_members(flow: Decompressed, whole: bool = True) -> Contents:
    """Read a tar to its end; raise ColdforgeError on unsafe members and on damage.

    `whole` is False for a tar that its own installer unpacks: unsafe paths are then allowed.
    """
    names: list[str] = []
    kept: dict[str, bytes] = {}
    declared = 0
    with _opened(flow) as tar:
        for info in tar:
            path = safe_path(flow.name, info) if whole else posixpath.normpath(info.name)
            declared += info.size
            if len(names) == flow.limits.members:
                message = f"{flow.name} holds more than {len(names):,} files"
                raise ColdforgeError(message, "take the file from its publisher")
            flow.limits.check(flow.name, declared, flow.size)
            names.append(path)
            if info.isreg() and (size := _telling(path)):
                stream = tar.extractfile(info)
                kept[path] = stream.read(size) if stream else b""
        # tarfile takes a broken header for the end of the archive.
        end = tar.offset
    flow.drain()
    if flow.data_ends > end:
        raise damage(flow.name, f"is damaged: what follows file {len(names)} is not a tar header")
    if flow.count < end + BLOCK:
        raise damage(flow.name, "is cut off: it ends early")
    return Contents([name for name in names if name != "."], kept)


def _opened(flow: Decompressed) -> tarfile.TarFile:
    try:
        # tarfile calls only read() of a stream.
        return tarfile.open(fileobj=cast("BinaryIO", flow), mode="r|", bufsize=CHUNK)
    except tarfile.ReadError as error:
        raise ColdforgeError(f"{flow.name} is not a tar", "bring the publisher's file") from error


def safe_path(name: str, info: tarfile.TarInfo) -> str:
    """Give a member's path; raise ColdforgeError if it, or its link, leads out of its folder."""
    path = _inside(name, info.name)
    top = path.partition("/")[0]
    if info.issym():
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), info.linkname))
        if target.partition("/")[0] != top:  # "/", ".." and every other folder
            raise _escape(name, f"link {path} -> {info.linkname}")
    elif info.islnk():
        if _inside(name, info.linkname).partition("/")[0] != top:
            raise _escape(name, f"link {path} -> {info.linkname}")
    elif not (info.isreg() or info.isdir()):
        raise ColdforgeError(f"{name} holds a device or pipe, {path}", "no publisher packs one")
    return path


def _inside(name: str, member: str) -> str:
    if member.startswith("/") or ".." in member.split("/"):
        raise _escape(name, f"file {member}")
    return posixpath.normpath(member)


def _escape(name: str, what: str) -> ColdforgeError:
    message = f"{name} is not safe to unpack: its {what} leads out of its own folder"
    return ColdforgeError(message, "take the file from its publisher")


def elf_machine(head: bytes) -> str:
    """Name the processor that a file starting with `head` is for; "" if it is not an ELF file.

    Source: the System V ABI, gABI.
    """
    if len(head) < HEAD or not head.startswith(b"\x7fELF"):
        return ""
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    return NAMES.get(number, f"machine {number}")


def _telling(path: str) -> int:
    folder, _, base = path.rpartition("/")
    if base in SMALL:
        return MOST
    # Stubs are there to link against, some for another processor.
    return HEAD if LIBRARY.fullmatch(base) and "stubs" not in folder.split("/") else 0


def read_tar(
    source: HashedFile | ArchivePart,
    first: bytes,
    name: str,
    limits: ReadLimits,
    whole: bool = True,
) -> Contents:
    """Survey the tar in `source`, whose first bytes are `first`; raise ColdforgeError."""
    with reporting(name):
        return read_members(Decompressed(source, first, name, limits), whole)


def _is_tar(first: bytes) -> bool:
    return first.startswith((GZIP, XZ, BZIP2)) or first[257:262] == b"ustar"


TAR = FileFormat("tar", _is_tar, read_tar)
