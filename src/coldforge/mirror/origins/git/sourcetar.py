"""A source tree as one tar: same tree in, same bytes out, whatever git, umask or locale."""

import hashlib
import tarfile
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple, Protocol

from coldforge.errors import ColdforgeError
from coldforge.files.lfs_pointer import LIMIT, Pointer, parse_pointer

# 1980, the first year a zip can hold: wheels are made of these files. Build tools that take a
# time of 0 for "missing" are no trouble then either.
TIME = 315_532_800
BLOCK = tarfile.BLOCKSIZE


class Leaf(NamedTuple):
    """A file or symlink of the tree."""

    kind: Literal["file", "executable", "symlink"]
    read: Callable[[], bytes]
    """Content, or the symlink's text."""
    source: str = ""
    """Where it is from, below its forge: `github:owner/name@<hex>/<path>`."""


class Written(NamedTuple):
    """What became of a tree."""

    sha256: str
    size: int
    pointers: dict[str, Pointer]
    """Git LFS pointers it holds, by path."""


class Sink(Protocol):
    """What takes bytes: a file, or nothing at all."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


class NullSink:
    """Discards the bytes: only their digest is needed."""

    def write(self, data: bytes, /) -> None:
        """Do nothing."""


def write_tar(leaves: Mapping[str, Leaf], sink: Sink) -> Written:
    """Write files sorted by path and the folders above them; raise ColdforgeError.

    Owners are 0, modes 755 or 644, times TIME. Paths may be any bytes, as surrogate escapes.
    """
    digest, size, found = hashlib.sha256(), 0, {}

    def put(data: bytes) -> None:
        nonlocal size
        sink.write(data)
        digest.update(data)
        size += len(data)

    for path in sorted({*leaves, *_folders(leaves)}, key=_raw):
        leaf = leaves.get(path)
        data = leaf.read() if leaf else b""
        put(_header(path, leaf, data))
        if leaf and leaf.kind != "symlink":
            put(data + bytes(-len(data) % BLOCK))
            if len(data) < LIMIT and (pointer := parse_pointer(data)):
                found[path] = pointer
    put(bytes(2 * BLOCK))
    put(bytes(-size % tarfile.RECORDSIZE))
    return Written(digest.hexdigest(), size, found)


def _folders(paths: Mapping[str, Leaf]) -> set[str]:
    return {
        path[:place] for path in paths for place, char in enumerate(path) if char == "/" and place
    }


def _header(path: str, leaf: Leaf | None, data: bytes) -> bytes:
    """Encode a header, pax records before it where the name needs them."""
    _check_path(path)
    info = tarfile.TarInfo(path)
    info.mtime, info.mode = TIME, 0o755
    if leaf is None:
        info.type = tarfile.DIRTYPE
    elif leaf.kind == "symlink":
        info.type, info.linkname = tarfile.SYMTYPE, data.decode("utf-8", "surrogateescape")
        _check_link(path, info.linkname)
    else:
        info.mode = 0o755 if leaf.kind == "executable" else 0o644
        info.size = len(data)
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _check_path(path: str) -> None:
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ColdforgeError(f"unsafe path {path!r} in the source tree", "do not use this tree")


def _check_link(path: str, target: str) -> None:
    """Refuse a symlink that leaves the tree: its meaning would depend on the host."""
    depth = path.count("/") if target and not target.startswith("/") else -1
    for part in target.split("/"):
        if depth >= 0:
            depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
    if depth < 0:
        message = f"symlink {path} -> {target} points out of the source tree"
        raise ColdforgeError(message, "take a commit whose symlinks stay inside its tree")


def _raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
