"""Write a volume's payload, hashing it as a whole and by shard."""

import base64
import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from coldforge.bootstrap.grid import HASH_SIZE
from coldforge.bundle.format.index import Volume
from coldforge.files.atomic import write_at

BLOCK = 1 << 20


class PayloadWriter:
    """A payload being written; its last shard may be short."""

    def __init__(self, path: Path, shard: int) -> None:
        """Write to `path`; bytes that an earlier run left are compared, not trusted."""
        self.shards = ShardHashes(shard)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._block = shard * max(1, BLOCK // shard)
        self._pending = bytearray()
        self._pool = ThreadPoolExecutor(1)
        self._hashing: Future[None] | None = None

    def __enter__(self) -> "PayloadWriter":
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._pool.shutdown()
        os.close(self._file)

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._pending += data
        while len(self._pending) >= self._block:
            block = bytes(memoryview(self._pending)[: self._block])
            del self._pending[: self._block]
            self._write_block(block)

    def finish(self) -> Volume:
        """Sync the file to disk; return its size and hashes."""
        self._write_block(bytes(self._pending))
        self._pending.clear()
        self._wait_for_hash()
        volume = self.shards.volume()
        os.ftruncate(self._file, volume.size)
        os.fsync(self._file)
        return volume

    def _write_block(self, block: bytes) -> None:
        """Write a block and hash it in the background."""
        self._wait_for_hash()
        place = self.shards.size
        self._hashing = self._pool.submit(self.shards.add, block)
        write_at(self._file, block, place)

    def _wait_for_hash(self) -> None:
        if self._hashing:
            self._hashing.result()


class ShardHashes:
    """Hash a payload given in order, in blocks of whole shards except the last."""

    def __init__(self, shard: int) -> None:
        """Start at the beginning, with shards of `shard` bytes."""
        self.shard = shard
        self.size = 0
        self._whole = hashlib.sha256()
        self._short: list[bytes] = []

    def add(self, block: bytes) -> None:
        """Hash the next block."""
        self._whole.update(block)
        view = memoryview(block)
        for start in range(0, len(block), self.shard):
            self._short.append(short_hash(view[start : start + self.shard]))
        self.size += len(block)

    def volume(self) -> Volume:
        """Return the entry for the index."""
        short = base64.b64encode(b"".join(self._short)).decode()
        return Volume(self.size, self._whole.hexdigest(), short)


def short_hash(shard: bytes | memoryview) -> bytes:
    """Return the first bytes of a shard's sha256, as an index stores them."""
    return hashlib.sha256(shard).digest()[:HASH_SIZE]
