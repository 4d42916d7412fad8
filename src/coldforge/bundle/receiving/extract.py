"""Items on their way from the volumes into their stores; two at a time."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import BinaryIO, cast

from coldforge.bundle.delta import delta, zstd_codec
from coldforge.bundle.format.index import Item
from coldforge.bundle.format.validate import levels
from coldforge.bundle.receiving.volumes import DamageError, Holdings, Stream
from coldforge.bundle.stores import Stores
from coldforge.errors import ColdforgeError
from coldforge.progress import amount, step

WORKERS = 2  # one waits for the disk while the other hashes


def take_all(items: list[Item], holdings: Holdings, stores: Stores, proved: bool) -> list[Item]:
    """Take in what can be had; return the rest. `proved`: read shard by shard, from any file."""
    with step(f"Taking in {len(items)} items", sum(item.size for item in items)) as current:
        lock = Lock()

        def advance(count: int) -> None:
            with lock:
                current.advance(count)

        def one(item: Item) -> bool:
            try:
                take(item, holdings.stream(item.parts, proved), stores, advance)
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


def take(item: Item, stream: Stream, stores: Stores, advance: Callable[[int], None]) -> None:
    """Decode an item, prove it, and make it visible; raise DamageError if it is not right.

    Never writes more than the item's size. `advance` is told of bytes written, and taken back.
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


def _decoded(item: Item, stream: Stream, stores: Stores) -> Iterator[bytes]:
    """Decode; what a codec objects to is damage."""
    source = cast("BinaryIO", stream)
    try:
        if item.encoding == "raw":
            yield from stream.chunks()
        elif item.encoding == "zstd":
            yield from zstd_codec.unpack(source, item.size)
        else:
            yield from delta.decode(stores.path(item.store, item.base), source, item.size)
    except ColdforgeError as error:
        raise DamageError(error.message) from error
