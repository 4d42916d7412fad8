"""Make a layer of what a container changed against the layers below.

Docker's own diff is not used: it misses a file rewritten at the same size and time.
"""

import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from coldforge.image.filesystem.member import Member
from coldforge.image.filesystem.tar import LayerWriter
from coldforge.image.filesystem.tree import WHITEOUT, Node, Tree, changes, is_excluded, read_members

if TYPE_CHECKING:
    from docker.models.containers import Container

CHUNK = 1 << 20
Exported = Iterable[tuple[str, Iterable[bytes]]]
"""Tars, and the folder of the image that each shows; '' is the root."""


def exported(container: "Container", outputs: list[str], below: Tree) -> Exported:
    """Export the declared outputs of a stopped container.

    Its whole root where one of them is in a folder that the layers below lack: only there does
    it show how that folder was made.
    """
    import docker.errors

    folders = [output.strip("/").rpartition("/")[0] for output in outputs]
    known = all(not folder or folder in below for folder in folders)
    if "/" in outputs or not known:
        yield "", container.export(chunk_size=CHUNK)
        return
    for folder, output in sorted(zip(folders, outputs, strict=True)):
        try:
            yield folder, container.get_archive(output, chunk_size=CHUNK)[0]
        except docker.errors.NotFound:
            continue  # the step removed it, or never made it


def collect(
    exported: Exported, below: Tree, outputs: list[str], writer: LayerWriter, scratch: Path
) -> None:
    """Write the declared changes of an exported root to `writer`, sorted, hard links as copies."""
    with tempfile.NamedTemporaryFile(dir=scratch, suffix=".export") as spool:
        tree: Tree = {}
        for folder, chunks in exported:
            start = spool.seek(0, 2)
            for chunk in chunks:
                spool.write(chunk)
            spool.seek(start)
            tree |= _moved(read_members(cast("BinaryIO", spool), hashing=True), folder)
        changed, gone = changes(_kept(below, outputs), _kept(tree, outputs))
        nodes = {node.member.path: node for node in [*changed, *map(_whiteout, gone)]}
        for node in _with_parents(nodes, below, tree):
            spool.seek(node.offset)
            writer.add(node.member, cast("BinaryIO", spool))


def _moved(tree: Tree, folder: str) -> Tree:
    """Put a tree into a folder."""
    if not folder:
        return tree
    return {
        f"{folder}/{path}": replace(node, member=replace(node.member, path=f"{folder}/{path}"))
        for path, node in tree.items()
    }


def _kept(tree: Tree, outputs: list[str]) -> Tree:
    return {
        path: node
        for path, node in tree.items()
        if not is_excluded(path) and _declared(path, outputs)
    }


def _whiteout(path: str) -> Node:
    folder, _, name = path.rpartition("/")
    return Node(Member(f"{folder}/{WHITEOUT}{name}".lstrip("/"), "file", 0o644))


def _with_parents(nodes: Tree, below: Tree, tree: Tree) -> list[Node]:
    """Sort nodes and the folders above them, so that a layer never resets their mode or owner.

    A folder that is not itself to be kept stays as it is below; a new one is as in `tree`.
    """
    whole = dict(nodes)
    for path in nodes:
        parent = path.rpartition("/")[0]
        while parent and parent not in whole:
            old = below.get(parent)
            whole[parent] = old if old and old.member.kind == "dir" else tree[parent]
            parent = parent.rpartition("/")[0]
    return [whole[path] for path in sorted(whole)]


def _declared(path: str, outputs: list[str]) -> bool:
    return any(
        f"/{path}".startswith(output.rstrip("/") + "/") or f"/{path}" == output
        for output in outputs
    )
