"""Unpack Debian packages, wheels and the project's tar into a tree; no path leads out of it.

Sources: deb(5) and ar(5), /usr merged as in Debian 12; the binary distribution format of Python.
"""

from __future__ import annotations

import io
import lzma
import os
import posixpath
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from coldforge.errors import RefusedError


class Tree:
    """A new folder; the first entry written at a path is kept."""

    def __init__(self, root: Path, what: str) -> None:
        """Create `root`, which must not exist; `what` names the archive in errors."""
        self.root, self.what = root, what
        root.mkdir(parents=True)
        self._kinds: dict[str, str] = {"": "folder"}

    def folder(self, path: str) -> None:
        """Create a folder and its parents."""
        done = ""
        for name in clean_path(path, self.what).split("/"):
            done = f"{done}/{name}" if done else name
            kind = self._kinds.get(done)
            if kind is None:
                self._place(done).mkdir(0o755)
                self._kinds[done] = "folder"
            elif kind != "folder":
                raise self._refused(f"{path!r} leads through a {kind}")

    def file(self, path: str, stream: BinaryIO, executable: bool) -> None:
        """Write a file from a stream."""
        place = self._new(path, "file")
        if place:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(place, flags, 0o755 if executable else 0o644)
            with os.fdopen(handle, "wb") as out:
                shutil.copyfileobj(stream, out, 1 << 20)

    def link(self, path: str, target: str) -> None:
        """Create a symbolic link to path `target` of this tree, existing or not."""
        inside = clean_path(target, self.what)
        place = self._new(path, "link")
        if place:
            here = posixpath.dirname(clean_path(path, self.what))
            place.symlink_to(posixpath.relpath(inside or ".", here or "."))

    def hard_link(self, path: str, target: str) -> None:
        """Create a hard link to a file that was written before."""
        inside = clean_path(target, self.what)
        if self._kinds.get(inside) != "file":
            raise self._refused(f"{path!r} is a hard link to something that is not a file")
        place = self._new(path, "file")
        if place:
            os.link(self._place(inside), place)

    def _new(self, path: str, kind: str) -> Path | None:
        """Return the path of a new entry, creating its folder; None if it exists."""
        path = clean_path(path, self.what)
        if not path:
            raise self._refused("an entry has no name")
        above = posixpath.dirname(path)
        if above:
            self.folder(above)
        if path in self._kinds:
            if self._kinds[path] == "folder":
                raise self._refused(f"{path!r} exists as a folder")
            return None
        self._kinds[path] = kind
        return self._place(path)

    def _place(self, path: str) -> Path:
        return self.root / path

    def _refused(self, why: str) -> RefusedError:
        return RefusedError(f"{self.what}: {why}", "ask the sender for another bundle")


def clean_path(path: str, what: str) -> str:
    """Normalise a path below the root, empty for the root; raise RefusedError if it leads out."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names or "\0" in path:
        raise RefusedError(f"{what}: {path[:100]!r} leads out", "ask the sender for another bundle")
    return "/".join(names)


def resolve_link(path: str, target: str) -> str:
    """Resolve a link at `path`: a path below the root, starting with `..` if it leads out."""
    if target.startswith("/"):
        return posixpath.normpath(target).lstrip("/")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


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
