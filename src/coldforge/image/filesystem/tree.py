"""A file system as data: path -> member and content digest; read from tars, merged, compared.

Layers are merged as overlayfs and container runtimes do it: a whiteout removes a path of the
layers below, an opaque whiteout all that a folder had; a non-folder replaces a folder. Traces of
the build host are left out of every layer.
Source: OCI image-spec v1.1, layer.md.
"""

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import IO, BinaryIO

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.deb import as_member
from coldforge.image.filesystem.member import Member, clean_name

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"  # what it lies in shows nothing of the layers below
CHUNK = 1 << 20
EXCLUDED = (
    "coldforge", "coldforge/*",  # where steps find their inputs
    ".dockerenv", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/mtab",  # Docker's
    "dev/*", "proc/*", "sys/*", "run/*", "tmp/*", "var/tmp/*",  # alive only while running
    "var/log/*", "var/cache/apt/*", "var/lib/apt/lists/*",  # dates, and indexes of the moment
    "var/cache/ldconfig/aux-cache",  # inode numbers and times
    "var/cache/debconf/*", "var/lib/dpkg/*-old", "var/lib/dpkg/lock*",  # dates and order of asking
    "var/lib/systemd/catalog/database", "etc/udev/hwdb.bin", "usr/lib/udev/hwdb.bin",
    "etc/machine-id", "var/lib/dbus/machine-id",  # unique by intent
    "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-",  # backups
    "etc/subuid-", "etc/subgid-", "etc/.pwd.lock",
    "etc/ssh/ssh_host_*", "etc/ssl/private/ssl-cert-snakeoil.key",  # secrets of one machine
    "*/__pycache__", "*/__pycache__/*",  # hold times and FLAG_REF accidents
    "var/cache/man/*", "var/cache/fontconfig/*", "root/.*",
)  # fmt: skip
"""Paths that no layer holds: traces of the clock, the host and the run, each with its reason."""


def is_excluded(path: str) -> bool:
    """Tell whether this path is left out of every layer."""
    return any(fnmatchcase(path, pattern) for pattern in EXCLUDED)


@dataclass(frozen=True, slots=True)
class Node:
    """A member, its content's sha256 (files), and where that content starts in its tar."""

    member: Member
    sha256: str = ""
    offset: int = 0

    def same(self, other: "Node") -> bool:
        """Tell whether two nodes are the same file system entry; offsets do not matter."""
        return (self.member, self.sha256) == (other.member, other.sha256)


Tree = dict[str, Node]


def read_tree(tar: Path) -> Tree:
    """Read a tar file; hard links become copies of what they link.

    Device nodes under dev/ (Docker's own) are passed over.
    """
    with tar.open("rb") as raw:
        return read_members(raw, hashing=True)


def read_members(raw: BinaryIO, hashing: bool) -> Tree:
    """Read the tar that starts where `raw` stands, as `read_tree` does.

    Without `hashing` contents are passed over: nodes have no digest, only their offset in `raw`.
    """
    tree: Tree = {}
    with tarfile.open(fileobj=raw, mode="r:") as archive:
        for info in archive:
            path = clean_name(info.name)
            if not path or path.startswith("dev/"):
                continue
            member = as_member(info, path)
            if member.kind == "hardlink":
                tree[path] = _linked(tree, path, clean_name(info.linkname))
            elif info.issparse():
                raise ColdforgeError(f"/{path} is a sparse file", "no layer may hold one")
            elif member.kind == "file":
                digest = _sha256(archive.extractfile(info)) if hashing else ""
                tree[path] = Node(member, digest, info.offset_data)
            else:
                tree[path] = Node(member)
    return tree


def _linked(tree: Tree, path: str, target: str) -> Node:
    first = tree.get(target)
    if first is None:
        raise ColdforgeError(f"hard link /{path} -> /{target} points to no file of its layer")
    return replace(first, member=replace(first.member, path=path))


def _sha256(stream: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while stream and (data := stream.read(CHUNK)):
        digest.update(data)
    return digest.hexdigest()


def union(layers: list[Tree]) -> Tree:
    """Apply layers from the bottom up, whiteouts included: those hide what is in layers below."""
    merged: Tree = {}
    for layer in layers:
        for path in layer:
            folder, _, name = path.rpartition("/")
            if name == OPAQUE:
                _remove(merged, folder, itself=False)
            elif name.startswith(WHITEOUT):
                _remove(merged, f"{folder}/{name.removeprefix(WHITEOUT)}".lstrip("/"))
        for path, node in layer.items():
            if not path.rpartition("/")[2].startswith(WHITEOUT):
                if node.member.kind != "dir" and path in merged:
                    _remove(merged, path)
                merged[path] = node
    return merged


def _remove(tree: Tree, path: str, itself: bool = True) -> None:
    """Remove a path, unless only what is below it is meant, and that."""
    node = tree.get(path)
    if itself:
        tree.pop(path, None)
    if node is None or node.member.kind == "dir":
        below = f"{path}/" if path else ""
        for name in [name for name in tree if name.startswith(below)]:
            del tree[name]


def changes(before: Tree, after: Tree) -> tuple[list[Node], list[str]]:
    """List the nodes of `after` that are new or other than before, and the topmost paths gone.

    What lay in a folder that is a file or a symlink now goes with the folder, unlisted.
    """
    changed = [
        node
        for path, node in sorted(after.items())
        if path not in before or not node.same(before[path])
    ]
    # By parts: "a-b" sorts before "a/b", and would come between "a" and what is in it.
    gone = _topmost(p for p in sorted(before, key=lambda path: path.split("/")) if p not in after)
    return changed, [path for path in gone if _in_folder(path, after)]


def _in_folder(path: str, tree: Tree) -> bool:
    parent = tree.get(path.rpartition("/")[0])
    return parent is None or parent.member.kind == "dir"


def _topmost(paths: Iterator[str]) -> Iterator[str]:
    last = "\0"
    for path in paths:
        if not path.startswith(last + "/"):
            last = path
            yield path
