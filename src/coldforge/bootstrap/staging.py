"""Keep intact shards of the volumes received so far, until the tool is complete.

The format is that of `bundle.receiving.staging`, which continues with it: a sparse file per volume
with its intact shards in place, and the index and signatures that verify them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from coldforge.bootstrap.folder import Copies
from coldforge.bootstrap.volume import open_regular
from coldforge.files.atomic import write_file

NAME = re.compile(r"(data|parity)-([0-9]{3,6})")
Place = tuple[str, int]
"""`data` or `parity`, and the number of a volume from 1."""


def open_staged(folder: Path) -> Iterator[tuple[Place, BinaryIO]]:
    """Open the volumes kept in a folder, unverified."""
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        match = NAME.fullmatch(path.name)
        if match:
            yield (match[1], int(match[2])), open_regular(path)


def keep_shards(folder: Path, place: Place, shards: Iterable[tuple[int, bytes]]) -> None:
    """Write intact shards of a volume, each at its offset in bytes, and sync them to disk."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{place[0]}-{place[1]:03}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as out:
        for offset, data in shards:
            out.seek(offset)
            out.write(data)
        out.flush()
        os.fsync(out.fileno())


def keep_index(folder: Path, copies: Copies) -> None:
    """Keep the index and signatures, for volumes whose own copies are damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (("index.json", [copies.data]), ("signatures.json", copies.signatures)):
        if data and not (folder / name).exists():
            write_file(folder / name, data[0])
