"""The index of a bundle: every item, where its bytes are, and their hashes. It is signed."""

from typing import Any, Literal

import msgspec

from coldforge.bootstrap.grid import HASH_SIZE, MAX_GROUP, ParityGrid, shard_count, shard_size
from coldforge.errors import RefusedError
from coldforge.files.digest import canonical_json

FORMAT = 1
MAX_SIZE = 2**50  # bytes of a volume or item
TYPE = "application/vnd.coldforge.bundle+json"
"""DSSE payload type of an index."""
Kind = Literal["build", "install"]
StoreName = Literal["mirror", "layout"]
Encoding = Literal["raw", "zstd", "delta"]


class ItemPart(msgspec.Struct, frozen=True, array_like=True):
    """A range of an item's encoded bytes: data volume (from 1), offset in its payload, size."""

    volume: int
    offset: int
    size: int


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A blob: its digest and size, its store, and the pieces of its encoded bytes in order."""

    sha256: str
    size: int
    store: StoreName
    name: str
    """For display: `torch 2.13.0`, `layer python`."""
    parts: list[ItemPart]
    encoding: Encoding = "raw"
    base: str = ""
    """Of a delta: sha256 of its base, a blob in the same store."""

    @property
    def encoded(self) -> int:
        """The bytes it takes in the volumes."""
        return sum(part.size for part in self.parts)


class Volume(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A volume's payload: its size, its sha256, and a short hash of each shard."""

    size: int
    sha256: str
    shards: str
    """base64 of the first 8 bytes of each shard's sha256, concatenated."""


class Tool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The items that make up the tool, by sha256; all are raw and in the mirror."""

    version: str
    revision: str
    """Commit that the bundle was made from."""
    python: str
    """Version of Python in the bundle: 3.11."""
    runtime: list[str]
    """Debian packages."""
    wheels: dict[str, str]
    """sha256 -> file name."""
    project: str
    """A tar of the checkout."""


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of index.json."""

    format: int
    kind: Kind
    stack: str
    serial: int
    """Creation time, seconds since 1970; a later bundle has a higher one."""
    lock: str
    """sha256 of the stack's lock."""
    image: str
    """Digest of the image's manifest; empty if the sender did not build it."""
    tags: dict[str, dict[str, Any]]
    """Tags for the receiver's image layout -> descriptor."""
    tool: Tool
    items: list[Item]
    volumes: list[Volume]
    parity_volumes: list[Volume]
    parity: ParityGrid | None = None

    @property
    def shard(self) -> int:
        """The size of a shard in bytes, with or without parity."""
        return shard_size([volume.size for volume in self.volumes])


def encode(index: Index) -> bytes:
    """Encode an index in canonical form, as it is signed."""
    return canonical_json(msgspec.to_builtins(index))


def decode(data: bytes) -> Index:
    """Decode and check an index; raise RefusedError if it is malformed."""
    try:
        index = msgspec.json.decode(data, type=Index)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _refused(str(error)) from error
    if index.format != FORMAT:
        raise _refused(f"format {index.format}, this tool reads {FORMAT}")
    seen: set[tuple[str, str]] = set()
    for item in index.items:
        if (item.store, item.sha256) in seen:
            raise _refused(f"{item.name} is listed twice")
        seen.add((item.store, item.sha256))
        _check(item, index)
    _check_volumes(index)
    return index


def _check_volumes(index: Index) -> None:
    for volume in (*index.volumes, *index.parity_volumes):
        if not 0 <= volume.size <= MAX_SIZE or not _hex(volume.sha256):
            raise _refused("a volume has an invalid size or digest")
    shard = index.shard
    for volume in (*index.volumes, *index.parity_volumes):
        if len(volume.shards) != -(-HASH_SIZE * shard_count(volume.size, shard) // 3) * 4:
            raise _refused("a volume has another number of shards than its size requires")
    grid = index.parity
    count = sum(shard_count(volume.size, shard) for volume in index.volumes)
    held = sum(volume.size for volume in index.parity_volumes)
    if grid is None:
        fits = not index.parity_volumes
    else:
        fits = min(grid) > 0 and grid.shard == shard and grid.rows + grid.parity <= MAX_GROUP
        fits = fits and grid.rows == max(1, -(-count // grid.groups))
        fits = fits and held == grid.parity * grid.groups * shard
    if not fits:
        raise _refused("its parity is invalid")


def _check(item: Item, index: Index) -> None:
    if not _hex(item.sha256) or item.size < 0 or (item.encoding == "delta") != _hex(item.base):
        raise _refused(f"{item.name} has an invalid digest or size")
    if item.encoding == "raw" and item.encoded != item.size:
        raise _refused(f"{item.name} has {item.encoded} bytes instead of {item.size}")
    for part in item.parts:
        held = index.volumes[part.volume - 1].size if 0 < part.volume <= len(index.volumes) else -1
        if part.offset < 0 or part.size < 0 or part.offset + part.size > held:
            raise _refused(f"{item.name} is outside its volume")


def _hex(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _refused(why: str) -> RefusedError:
    return RefusedError(f"the bundle's index is refused: {why}", "ask the sender for a new one")
