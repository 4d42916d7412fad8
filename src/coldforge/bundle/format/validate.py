"""Validate an index beyond its structure: names, ranges, overlaps, delta chains."""

import base64
import re
from itertools import pairwise
from typing import Any

from coldforge.bundle.format.index import MAX_SIZE, Index, Item, decode, encode
from coldforge.errors import RefusedError

MAX_TIME = 253402300799  # the last second of the year 9999; datetime cannot hold more
MAX_NAME = 300  # characters of a name
HEX = re.compile(r"[0-9a-f]{64}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
STACK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,199}")
WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}\.whl")
WORD = re.compile(r"[A-Za-z0-9._+-]{0,100}")


def read_index(data: bytes) -> Index:
    """Decode and validate an index; raise RefusedError."""
    index = decode(data)
    _check_head(index)
    _check_items(index)
    _check_tags(index)
    _check_tool(index)
    for volume in (*index.volumes, *index.parity_volumes):
        try:
            base64.b64decode(volume.shards, validate=True)
        except ValueError as error:
            raise _refused("its shard hashes are not base64") from error
    try:
        again = encode(index)
    except RecursionError as error:
        raise _refused("it is nested too deeply") from error
    if again != data:
        raise _refused("it is not in canonical form")
    return index


def _check_head(index: Index) -> None:
    if not STACK.fullmatch(index.stack):
        raise _refused("its stack has an invalid name")
    if not 0 <= index.serial <= MAX_TIME:
        raise _refused("its time is invalid")
    if not HEX.fullmatch(index.lock) or not (not index.image or DIGEST.fullmatch(index.image)):
        raise _refused("its lock or image is not a digest")


def _check_items(index: Index) -> None:
    """Check that names are printable, that no items overlap, and that delta chains end."""
    for item in index.items:
        if not item.name.isprintable() or len(item.name) > MAX_NAME or item.size > MAX_SIZE:
            raise _refused(f"item {item.sha256[:12]}… has an invalid name or size")
    parts = sorted(
        (part.volume, part.offset, part.size, item.name)
        for item in index.items
        for part in item.parts
        if part.size
    )
    for (volume, offset, size, name), (volume2, offset2, _, name2) in pairwise(parts):
        if volume == volume2 and offset + size > offset2:
            raise _refused(f"{name} and {name2} overlap")
    levels(index.items)


def levels(items: list[Item]) -> list[list[Item]]:
    """Group items so that a delta's base is in an earlier group; raise RefusedError on a cycle."""
    waiting = {(item.store, item.sha256): item for item in items}
    found: list[list[Item]] = []
    while waiting:
        ready = [item for item in waiting.values() if (item.store, item.base) not in waiting]
        if not ready:
            name = next(iter(waiting.values())).name
            raise _refused(f"{name} is part of a cycle of deltas")
        for item in ready:
            del waiting[item.store, item.sha256]
        found.append(ready)
    return found


def _check_tags(index: Index) -> None:
    for name, descriptor in index.tags.items():
        if not TAG.fullmatch(name):
            raise _refused("an image has an invalid name")
        kind, digest, size = (descriptor.get(key) for key in ("mediaType", "digest", "size"))
        if not (_text(kind) and _text(digest) and DIGEST.fullmatch(str(digest))):
            raise _refused(f"{name} is not the descriptor of an image")
        if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= MAX_SIZE:
            raise _refused(f"{name} has an invalid size")


def _check_tool(index: Index) -> None:
    tool = index.tool
    digests = [*tool.runtime, *tool.wheels, *([tool.project] if tool.project else [])]
    words = (tool.version, tool.revision, tool.python)
    if not all(HEX.fullmatch(one) for one in digests) or len(set(digests)) != len(digests):
        raise _refused("a part of the tool is not a digest, or listed twice")
    if not all(WORD.fullmatch(one) for one in words):
        raise _refused("the tool's version is invalid")
    names = [name.lower() for name in tool.wheels.values()]
    if not all(WHEEL.fullmatch(one) for one in tool.wheels.values()) or len(set(names)) != len(
        names
    ):
        raise _refused("a wheel of the tool has an invalid or duplicate name")


def _text(value: Any) -> bool:  # noqa: ANN401 - what JSON can hold
    return isinstance(value, str) and value.isprintable() and len(value) <= MAX_NAME


def _refused(why: str) -> RefusedError:
    return RefusedError(f"the bundle's index is refused: {why}", "ask the sender for a new one")
