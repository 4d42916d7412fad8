"""Turn a stopped container's file system into a layer: what changed against the layers below.

The engine's own diff is not used: it misses a file rewritten at the same size and time.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from coldforge.image.member import Member
from coldforge.image.scrub import dropped
from coldforge.image.tar import LayerWriter
from coldforge.image.tree import WHITEOUT, Tree, changes, read_tree


def collect(
    exported: Iterable[bytes], below: Tree, outputs: list[str], writer: LayerWriter, scratch: Path
) -> None:
    """Write the declared changes of an exported root to `writer`, sorted, hard links as copies."""
    with tempfile.NamedTemporaryFile(dir=scratch, suffix=".export") as spool:
        for chunk in exported:
            spool.write(chunk)
        spool.flush()
        tree = {
            path: node
            for path, node in read_tree(Path(spool.name)).items()
            if not dropped(path) and _declared(path, outputs)
        }
        known = {path: node for path, node in below.items() if _declared(path, outputs)}
        _write(tree, known, writer, spool.file)  # type: ignore[arg-type]


def _write(tree: Tree, below: Tree, writer: LayerWriter, spool: BinaryIO) -> None:
    changed, gone = changes(below, tree)
    for path in gone:
        folder, _, name = path.rpartition("/")
        writer.add(Member(f"{folder}/{WHITEOUT}{name}".lstrip("/"), "file", 0o644))
    for path in _with_parents([node.member.path for node in changed], tree):
        node = tree[path]
        if node.member.kind == "file":
            spool.seek(node.offset)
        writer.add(node.member, spool)


def _with_parents(paths: list[str], tree: Tree) -> list[str]:
    """Add the folders above each path, so that a layer never resets their mode or owner."""
    wanted = set(paths)
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in wanted:
            wanted.add(parent)
            parent = parent.rpartition("/")[0]
    return sorted(path for path in wanted if path in tree)


def _declared(path: str, outputs: list[str]) -> bool:
    return any(
        f"/{path}".startswith(output.rstrip("/") + "/") or f"/{path}" == output
        for output in outputs
    )
