"""One item on its way from the volumes into its store."""

import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from coldforge.bundle import codec
from coldforge.bundle.holding import DamageError, Stream
from coldforge.bundle.index import Item
from coldforge.bundle.stores import Stores
from coldforge.errors import ColdforgeError


def take(item: Item, stream: Stream, stores: Stores, advance: Callable[[int], None]) -> None:
    """Decode an item, prove it, and make it visible; raise DamageError if it is not right.

    Never writes more than the item's size. `advance` is told of bytes written, and taken back.
    """
    part, size, digest = stores.part(item), 0, hashlib.sha256()
    try:
        with part.open("wb") as out:
            for chunk in _decoded(item, stream, stores):
                size += len(chunk)
                advance(len(chunk))
                if size > item.size:
                    raise DamageError
                out.write(chunk)
                digest.update(chunk)
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
            yield from codec.unpack(source, item.size)
        else:
            from coldforge.bundle import delta

            yield from delta.decode(stores.path(item.store, item.base), source)
    except ColdforgeError as error:
        raise DamageError(error.message) from error
