"""Extract the tool's items from the volumes, repairing damage where possible.

Intact shards of the volumes received so far are kept until the tool is complete, in the format of
`bundle.receiving.staging`, which continues with it: a sparse file per volume with its intact
shards in place, and the index and signatures that verify them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from coldforge.bootstrap.folder import Copies, Folder
from coldforge.bootstrap.grid import HASH_SIZE, first_shards, rebuild
from coldforge.bootstrap.index import ToolIndex, ToolItem, VolumePayload
from coldforge.bootstrap.volume import open_regular, read_at
from coldforge.errors import MissingInputError
from coldforge.files.atomic import write_file

CHUNK = 1 << 20
SHOWN = 3  # volumes named in an error
NAME = re.compile(r"(data|parity)-([0-9]{3,6})")
Place = tuple[str, int]
"""`data` or `parity`, and the number of a volume from 1."""


class Items:
    """The items of a bundle's tool, read from the volumes that are here."""

    def __init__(self, index: ToolIndex, bundle: str, folder: Folder, staging: Path) -> None:
        """Open all candidate volumes of `bundle`, and shards kept in `staging` by earlier runs."""
        self.index, self.staging = index, staging
        self._copies = folder.copies[bundle]
        self._files: dict[tuple[str, int], list[BinaryIO]] = {}
        self._starts = {
            "data": first_shards([payload.size for payload in index.data], index.shard),
            "parity": first_shards([payload.size for payload in index.parity], index.shard),
        }
        for volume in folder.volumes:
            for place in volume.candidates(bundle, folder.copies):
                self._files.setdefault(place, []).append(open_regular(volume.path))
        self._here = sorted(self._files)
        for place, stream in open_staged(staging):
            self._files.setdefault(place, []).append(stream)

    def __enter__(self) -> Items:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        for streams in self._files.values():
            for stream in streams:
                stream.close()

    def extract(self, item: ToolItem, part: Path, say: Callable[[str], object]) -> None:
        """Write an item to file `part` and verify it; raise MissingInputError if that fails."""
        if _write(part, self._unverified(item)) == item.sha256:
            return
        say(f"  {item.sha256[:12]}… is damaged or lost; trying to repair it")
        try:
            if _write(part, self._verified(item)) == item.sha256:
                return
            raise self._missing(item)
        except MissingInputError:
            part.unlink()
            raise

    def keep_shards(self) -> None:
        """Keep the intact shards of the volumes here: the next run may lack these volumes."""
        keep_index(self.staging, self._copies)
        for kind, number in self._here:
            if number < len(self._starts[kind]):
                keep_shards(self.staging, (kind, number), self._intact_shards(kind, number))

    def verify(self, item: ToolItem, place: Path) -> bool:
        """Tell whether file `place` is an item, by its digest."""
        digest = hashlib.sha256()
        try:
            with open_regular(place) as stream:
                while data := stream.read(CHUNK):
                    digest.update(data)
        except FileNotFoundError:
            return False
        return digest.hexdigest() == item.sha256

    def _unverified(self, item: ToolItem) -> Iterator[bytes]:
        """Read the pieces without verifying them; skip what is missing."""
        for volume, offset, size in item.parts:
            for stream in self._files.get(("data", volume), [])[:1]:
                place, end = offset, offset + size
                while data := read_at(stream, place, min(CHUNK, end - place)):
                    place += len(data)
                    yield data

    def _verified(self, item: ToolItem) -> Iterator[bytes]:
        """Read the pieces shard by shard, each from an intact copy or rebuilt."""
        shard = self.index.shard
        for volume, offset, size in item.parts:
            place, end = offset, offset + size
            while place < end:
                number = self._starts["data"][volume - 1] + place // shard
                data = self._shard("data", number) or self._rebuilt(number)
                if data is None:
                    raise self._missing(item)
                skip = place % shard
                piece = data[skip : skip + end - place]
                place += len(piece)
                yield piece

    def _shard(self, kind: str, number: int) -> bytes | None:
        """Read shard `number` without padding; None if no file holds it intact."""
        volume, local, size = self._locate(kind, number)
        expected = self._payloads(kind)[volume].shards[HASH_SIZE * local : HASH_SIZE * (local + 1)]
        for stream in self._files.get((kind, volume + 1), []):
            data = read_at(stream, local * self.index.shard, size)
            if hashlib.sha256(data).digest()[:HASH_SIZE] == expected:
                return data
        return None

    def _intact_shards(self, kind: str, number: int) -> Iterator[tuple[int, bytes]]:
        """Read the intact shards of a volume, each with its offset."""
        first, end = self._starts[kind][number - 1 : number + 1]
        for shard in range(first, end):
            data = self._shard(kind, shard)
            if data is not None:
                yield (shard - first) * self.index.shard, data

    def _rebuilt(self, number: int) -> bytes | None:
        """Rebuild a data shard from the others of its group; None if too few are intact."""
        grid = self.index.grid
        if grid is None:
            return None
        row, group = divmod(number, grid.groups)
        found: dict[int, bytes] = {}
        for place in range(grid.rows + grid.parity):
            data = self._row(place, group)
            if data is not None:
                found[place] = data.ljust(grid.shard, b"\0")
            if len(found) == grid.rows:
                size = self._locate("data", number)[2]
                return rebuild(grid.rows, found, [row])[row][:size]
        return None

    def _row(self, place: int, group: int) -> bytes | None:
        """Read a row of a group; empty (all zeros) beyond the end of the data."""
        grid = self.index.grid
        assert grid is not None  # noqa: S101 - for the type checker
        if place >= grid.rows:
            return self._shard("parity", (place - grid.rows) * grid.groups + group)
        number = place * grid.groups + group
        return self._shard("data", number) if number < self._starts["data"][-1] else b""

    def _locate(self, kind: str, number: int) -> tuple[int, int, int]:
        """Locate a shard: its volume (from 0), its number in it, its size."""
        first = self._starts[kind]
        volume = max(place for place in range(len(first) - 1) if first[place] <= number)
        local = number - first[volume]
        payload, shard = self._payloads(kind)[volume], self.index.shard
        return volume, local, min(shard, payload.size - local * shard)

    def _payloads(self, kind: str) -> list[VolumePayload]:
        return self.index.data if kind == "data" else self.index.parity

    def _missing(self, item: ToolItem) -> MissingInputError:
        """Return the error naming the volumes that hold an item, and those that help repair it."""
        needed = sorted({volume for volume, _offset, size in item.parts if size})
        lost = [n for n in needed if ("data", n) not in self._files]
        state = "missing" if lost else "damaged beyond repair"
        message = f"a part of the tool is {state}: it is in {_names(lost or needed)}"
        others = range(1, len(self.index.data) + 1)
        away = [n for n in others if ("data", n) not in self._files and n not in needed]
        hint = f"bring {'it' if lost else 'a good copy'} and run: sh receive FOLDER"
        if self.index.grid and away:
            hint += f"; {_names(away)} would help to repair it"
        return MissingInputError(message, f"{hint}; what is intact so far is kept")


def _names(volumes: list[int]) -> str:
    names = [f"volume-{number:03}.cfv" for number in volumes[:SHOWN]]
    more = len(volumes) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _write(part: Path, chunks: Iterator[bytes]) -> str:
    """Write a file; return the sha256 of its bytes, hex."""
    digest = hashlib.sha256()
    with part.open("wb") as out:
        for chunk in chunks:
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()


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
