"""Remove blobs that no built image uses: earlier layers, files of killed builds."""

import shutil
from pathlib import Path
from typing import NamedTuple

from coldforge.image.oci.layout import Layout


class Pruned(NamedTuple):
    """What was removed, in files and bytes."""

    files: int
    size: int


MADE = ("verify", "bundle/encoded")
"""Folders beside the layout that can be made again."""


def prune(root: Path) -> Pruned:
    """Remove every blob in `root`/oci that no name leads to, a second build, encoded layers.

    What is removed can be made again. Raise ColdforgeError while a build is under way.
    """
    layout = Layout(root / "oci")
    with layout.held(exclusive=True):
        layout.forget_strays()
        kept = {layout.blob(digest) for digest in layout.reachable()}
        blobs = (root / "oci" / "blobs" / "sha256").glob("*")
        beside = [path for made in MADE for path in (root / made).rglob("*") if path.is_file()]
        gone = [path for path in (*blobs, *beside) if path not in kept]
        size = sum(path.stat().st_size for path in gone)
        for path in gone:
            path.unlink()
        for made in MADE:
            shutil.rmtree(root / made, ignore_errors=True)
    return Pruned(len(gone), size)
