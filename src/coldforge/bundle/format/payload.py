"""A volume's payload being written: every byte hashed once as a whole and once by shard."""

import base64
import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from coldforge.bootstrap.grid import SHORT
from coldforge.bundle.format.index import Volume
from coldforge.files.atomic import write_at

BLOCK = 1 << 20


class Payload:
    """A growing file; the short hash of a volume's last shard is of the bytes that it has."""

    def __init__(self, path: Path, shard: int) -> None:
        """Write to `path`; what an earlier run left there is compared, not trusted."""
        self.shards = Shards(shard)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._block = shard * max(1, BLOCK // shard)
        self._held = bytearray()
        self._pool = ThreadPoolExecutor(1)
        self._hashing: Future[None] | None = None

    def __enter__(self) -> "Payload":
        """Keep the file open inside."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._pool.shutdown()
        os.close(self._file)

    def write(self, data: bytes) -> None:
        """Append."""
        self._held += data
        while len(self._held) >= self._block:
            block = bytes(memoryview(self._held)[: self._block])
            del self._held[: self._block]
            self._put(block)

    def finish(self) -> Volume:
        """Bring all to disk; tell size and hashes."""
        self._put(bytes(self._held))
        self._held.clear()
        self._hashed()
        volume = self.shards.volume()
        os.ftruncate(self._file, volume.size)
        os.fsync(self._file)
        return volume

    def _put(self, block: bytes) -> None:
        """Hash a block while it, and what follows, is written."""
        self._hashed()
        place = self.shards.size
        self._hashing = self._pool.submit(self.shards.add, block)
        write_at(self._file, block, place)

    def _hashed(self) -> None:
        if self._hashing:
            self._hashing.result()


class Shards:
    """The hashes of a payload, given in order, in stretches of whole shards but for the last."""

    def __init__(self, shard: int) -> None:
        """Count from the beginning, in shards of `shard` bytes."""
        self.shard = shard
        self.size = 0
        self._whole = hashlib.sha256()
        self._short: list[bytes] = []

    def add(self, block: bytes) -> None:
        """Hash what follows."""
        self._whole.update(block)
        view = memoryview(block)
        for start in range(0, len(block), self.shard):
            self._short.append(short_hash(view[start : start + self.shard]))
        self.size += len(block)

    def volume(self) -> Volume:
        """Say what an index says."""
        short = base64.b64encode(b"".join(self._short)).decode()
        return Volume(self.size, self._whole.hexdigest(), short)


def short_hash(shard: bytes | memoryview) -> bytes:
    """Hash a shard as indexes do."""
    return hashlib.sha256(shard).digest()[:SHORT]
