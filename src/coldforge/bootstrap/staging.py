"""What is right of the volumes that came so far, until enough of the tool is here.

The form is that of `bundle.receiving.staging`, which goes on with it: a sparse file for each
volume, its right shards at their places, and holes; and what proves them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from coldforge.bootstrap.folder import Copies
from coldforge.bootstrap.volume import open_plain
from coldforge.files.atomic import write_file

NAME = re.compile(r"(data|parity)-([0-9]{3,6})")
Place = tuple[str, int]
"""Data or parity, and the number of a volume from 1."""


def staged(folder: Path) -> Iterator[tuple[Place, BinaryIO]]:
    """Open what was kept in a folder; nothing of it is proved."""
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        match = NAME.fullmatch(path.name)
        if match:
            yield (match[1], int(match[2])), open_plain(path)


def keep(folder: Path, place: Place, shards: Iterable[tuple[int, bytes]]) -> None:
    """Write right shards of a volume, each with its offset in bytes, on disk."""
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
    """Keep what proves the shards, for volumes that come without."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (("index.json", [copies.data]), ("signatures.json", copies.signatures)):
        if data and not (folder / name).exists():
            write_file(folder / name, data[0])
