"""Which file of an image the dynamic linker loads for a library. Source: ld.so(8)."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from coldforge.image.audit.elf import Elf, read_elf
from coldforge.image.filesystem.tree import Tree, read_members, union

CACHE = "etc/ld.so.cache"
MAGIC = b"glibc-ld.so.cache1.1"
DEFAULT = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib", "usr/lib")
PACKAGES = "/dist-packages/"
HOPS = 40  # symlinks followed before the kernel gives up (ELOOP)


class DynamicLinker:
    """The dynamic linker of an image: its files, search path and ld.so.cache."""

    def __init__(self, layers: Iterable[Path], path: str = "") -> None:
        """Read layer tars, from the bottom up; `path`: LD_LIBRARY_PATH there."""
        self.layers = [(layer, _members(layer)) for layer in layers]
        self.tree: Tree = union([tree for _, tree in self.layers])
        self.path = [folder for folder in path.split(":") if folder]
        self.cached = libraries(self._read(CACHE)) if CACHE in self.tree else {}

    def find(self, name: str, search: Iterable[str]) -> str:
        """Find library `name`, `search` first; a path without leading slash, "" for none."""
        cached = [self.cached[name]] if name in self.cached else []
        tried = [
            *(f"{folder}/{name}" for folder in (*search, *self.path)),
            *cached,
            *(f"{folder}/{name}" for folder in DEFAULT),
        ]
        found = (follow(self.tree, place) for place in tried)
        return next((place for place in found if place), "")

    def packaged(self, name: str) -> str:
        """Find library `name` in a Python package, which loads it itself; "" for none."""
        ends = f"/{name}"
        return next((p for p in self.tree if p.endswith(ends) and PACKAGES in p), "")

    def has(self, folder: str) -> bool:
        """Tell whether the image has this folder."""
        return bool(follow(self.tree, folder, "dir"))

    def elf(self, place: str) -> Elf:
        """Read what the library at `place` offers and asks for."""
        layer, offset = self._where(place)
        with layer.open("rb") as stream:
            return read_elf(stream, f"/{place}", offset)

    def _read(self, place: str) -> bytes:
        layer, offset = self._where(place)
        with layer.open("rb") as stream:
            stream.seek(offset)
            return stream.read(self.tree[place].member.size)

    def _where(self, place: str) -> tuple[Path, int]:
        node = self.tree[place]
        layer = next(path for path, tree in self.layers if tree.get(place) is node)
        return layer, node.offset


def follow(tree: Tree, path: str, kind: str = "file") -> str:
    """Follow symlinks to a file (or folder) of the tree; "" if there is none."""
    parts, done, hops = list(PurePosixPath(path.lstrip("/")).parts), list[str](), 0
    while parts:
        part = parts.pop(0)
        if part == "..":
            done = done[:-1]
            continue
        node = tree.get("/".join([*done, part]))
        if node is None or hops > HOPS:
            return ""
        if node.member.kind == "symlink":
            hops += 1
            target = node.member.link
            done = [] if target.startswith("/") else done
            parts = [*PurePosixPath(target.lstrip("/")).parts, *parts]
        else:
            done.append(part)
    place = "/".join(done)
    return place if place in tree and tree[place].member.kind == kind else ""


def libraries(cache: bytes) -> Mapping[str, str]:
    """Read the loader's cache: library -> path. The first of a name is the one it takes."""
    if not cache.startswith(MAGIC):
        return {}
    (count,) = struct.unpack_from("<I", cache, len(MAGIC))
    return dict(reversed(list(_entries(cache, count))))


def _entries(cache: bytes, count: int) -> Iterator[tuple[str, str]]:
    for number in range(count):
        name, path = struct.unpack_from("<4xII", cache, 48 + 24 * number)
        yield _string(cache, name), _string(cache, path)


def _string(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode("utf-8", "replace")


def _members(layer: Path) -> Tree:
    with layer.open("rb") as raw:
        return read_members(raw, hashing=False)
