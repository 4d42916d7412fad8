"""Volumes just written, read again by shard for their parity."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path

from coldforge.bootstrap.grid import SHORT, starts
from coldforge.bundle.format.index import Volume
from coldforge.bundle.format.payload import short_hash
from coldforge.errors import ColdforgeError


class Readback:
    """The shards of all data volumes, numbered through; zeros follow."""

    def __init__(self, files: Mapping[Path, Volume], shard: int) -> None:
        """Read `files`, in the order of their volumes."""
        self.shard = shard
        self.size = sum(volume.size for volume in files.values())
        self._starts = starts([volume.size for volume in files.values()], shard)
        self._files = [(path, os.open(path, os.O_RDONLY), volume) for path, volume in files.items()]
        self._short = [base64.b64decode(volume.shards) for volume in files.values()]

    def __enter__(self) -> "Readback":
        """Keep the files open inside."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files."""
        for _path, file, _volume in self._files:
            os.close(file)

    def read(self, first: int, count: int) -> bytes:
        """Give `count` shards from number `first`; raise ColdforgeError if a disk gives others."""
        found = bytearray()
        for place in range(len(self._files)):
            start = max(first, self._starts[place])
            end = min(first + count, self._starts[place + 1])
            if start < end:
                found += self._stretch(place, start - self._starts[place], end - start)
        return bytes(found.ljust(count * self.shard, b"\0"))

    def _stretch(self, place: int, first: int, count: int) -> bytes:
        path, file, volume = self._files[place]
        start = first * self.shard
        wanted = min(count * self.shard, volume.size - start)
        data = os.pread(file, wanted, start)
        view = memoryview(data)
        short = b"".join(
            short_hash(view[at : at + self.shard]) for at in range(0, len(data), self.shard)
        )
        if short != self._short[place][first * SHORT : (first + count) * SHORT]:
            message = f"{path.name.removesuffix('.part')} reads back wrong"
            raise ColdforgeError(message, "the disk fails: remove the folder, use another disk")
        return data.ljust(count * self.shard, b"\0")
