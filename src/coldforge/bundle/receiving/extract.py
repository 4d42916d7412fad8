"""Extract items from the volumes into their stores, two at a time."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import BinaryIO, cast

from coldforge.bundle.delta import delta, zstd_codec
from coldforge.bundle.format.index import Item
from coldforge.bundle.format.validate import levels
from coldforge.bundle.receiving.volumes import DamageError, ItemStream, VolumeSet
from coldforge.bundle.stores import Stores
from coldforge.errors import ColdforgeError
from coldforge.progress import amount, step

WORKERS = 2  # one waits for the disk while the other hashes


def extract_all(
    items: list[Item], volumes: VolumeSet, stores: Stores, verified: bool
) -> list[Item]:
    """Extract items; return those that failed. `verified`: read shard by shard, from any file."""
    with step(f"Extracting {len(items)} items", sum(item.size for item in items)) as current:
        lock = Lock()

        def advance(count: int) -> None:
            with lock:
                current.advance(count)

        def one(item: Item) -> bool:
            try:
                extract(item, volumes.stream(item.parts, verified), stores, advance)
            except DamageError:
                return False
            return True

        failed = _by_level(items, one)
        current.result = amount(current.done)
    return failed


def _by_level(items: list[Item], one: Callable[[Item], bool]) -> list[Item]:
    failed: list[Item] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            for level in levels(items):
                done = list(pool.map(one, level))
                failed += [item for item, right in zip(level, done, strict=True) if not right]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return failed


def extract(item: Item, stream: ItemStream, stores: Stores, advance: Callable[[int], None]) -> None:
    """Decode and verify an item, then make it visible; raise DamageError if it is damaged.

    Never write more than the item's size. `advance` gets bytes written; negative on failure.
    """
    part, size, digest = stores.part(item), 0, hashlib.sha256()
    try:
        with part.open("wb") as out:
            for chunk in _decoded(item, stream, stores):
                size += len(chunk)
                if size > item.size:
                    raise DamageError
                out.write(chunk)
                digest.update(chunk)
                advance(len(chunk))
            if size != item.size or digest.hexdigest() != item.sha256:
                raise DamageError
            stores.publish(cast("BinaryIO", out), item)
    except BaseException:
        advance(-size)
        part.unlink(missing_ok=True)
        raise


def _decoded(item: Item, stream: ItemStream, stores: Stores) -> Iterator[bytes]:
    """Decode; a codec's error becomes DamageError."""
    source = cast("BinaryIO", stream)
    try:
        if item.encoding == "raw":
            yield from stream.chunks()
        elif item.encoding == "zstd":
            yield from zstd_codec.decompress(source, item.size)
        else:
            yield from delta.decode(stores.path(item.store, item.base), source, item.size)
    except ColdforgeError as error:
        raise DamageError(error.message) from error
