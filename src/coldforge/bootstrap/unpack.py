"""Unpack Debian packages, wheels and the project's tar into a tree.

Sources: deb(5) and ar(5), /usr merged as in Debian 12; the binary distribution format of Python.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from coldforge.bootstrap.tree import Tree, clean_path, resolve_link
from coldforge.errors import RefusedError

AR_MAGIC = b"!<arch>\n"
MERGED_INTO_USR = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
DAMAGE_ERRORS = (tarfile.TarError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, EOFError)
LIBRARIES = ("purelib", "platlib")


def unpack_deb(path: Path, tree: Tree) -> None:
    """Unpack the payload of a .deb; absolute links are made relative to the tree's root."""
    with _intact(tree.what), path.open("rb") as stream:
        archive = cast("IO[bytes]", _open_data(stream, tree.what))
        with tarfile.open(fileobj=archive, mode="r|") as members:
            _unpack_members(members, tree, _merge_usr)


def unpack_tar(path: Path, tree: Tree) -> None:
    """Unpack a tar, compressed or not."""
    with _intact(tree.what), tarfile.open(path, mode="r:*") as members:
        _unpack_members(members, tree, lambda name: name)


def unpack_wheel(path: Path, tree: Tree) -> None:
    """Unpack the importable files of a wheel, without scripts, headers and data."""
    with _intact(tree.what), zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = _import_path(info.filename)
            if name and not info.is_dir():
                with archive.open(info) as stream:
                    tree.file(
                        name, cast("BinaryIO", stream), bool(info.external_attr >> 16 & 0o100)
                    )


def _import_path(name: str) -> str:
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return name
    scheme, _, inner = rest.partition("/")
    return inner if scheme in LIBRARIES else ""


@contextmanager
def _intact(what: str) -> Iterator[None]:
    """Turn errors of a damaged archive into a RefusedError that names it."""
    try:
        yield
    except (*DAMAGE_ERRORS, ValueError, NotImplementedError, RuntimeError) as error:
        why = " ".join(str(error).split())[:100]
        message = f"{what} is damaged: {why}"
        raise RefusedError(message, "ask the sender for another bundle") from error


def _unpack_members(archive: tarfile.TarFile, tree: Tree, move: Callable[[str], str]) -> None:
    """Write every member; `move` maps a path to one below the tree's root."""
    for info in archive:
        name = clean_path(info.name, tree.what)
        path = move(name)
        if not path:
            continue
        if info.isdir():
            tree.folder(path)
        elif info.issym():
            tree.link(path, move(resolve_link(name, info.linkname)))
        elif info.islnk():
            tree.hard_link(path, move(clean_path(info.linkname, tree.what)))
        elif info.isreg():
            content = cast("BinaryIO", archive.extractfile(info))
            tree.file(path, content, bool(info.mode & 0o100))
        else:
            message = f"{tree.what}: {name!r} is a device or pipe"
            raise RefusedError(message, "ask the sender for another bundle")


def _merge_usr(path: str) -> str:
    """Map a path of the split layout to its place below /usr."""
    return f"usr/{path}" if path.partition("/")[0] in MERGED_INTO_USR else path


def _open_data(stream: BinaryIO, what: str) -> Any:  # noqa: ANN401 - one of several readers
    """Find data.tar in an ar archive and open it."""
    if stream.read(len(AR_MAGIC)) != AR_MAGIC:
        raise EOFError("it is not a .deb")
    while True:
        header = stream.read(60)
        if len(header) < 60:
            raise EOFError("it has no data.tar")
        name = header[:16].decode("ascii", "replace").strip(" /")
        size = int(header[48:58])
        if name.startswith("data.tar"):
            return _open_compressed(name, io.BytesIO(stream.read(size)), what)
        stream.seek(size + size % 2, 1)


def _open_compressed(name: str, data: BinaryIO, what: str) -> Any:  # noqa: ANN401
    if name == "data.tar":
        return data
    if name == "data.tar.xz":
        return lzma.LZMAFile(data)
    if name == "data.tar.gz":
        import gzip

        return gzip.GzipFile(fileobj=data)
    message = f"{what} contains {name}, which Python cannot decompress"
    raise RefusedError(message, "the sender must choose packages with data.tar.xz")
