"""The index of a bundle: every item, where its bytes are, and what proves them. Signed whole."""

from typing import Any, Literal

import msgspec

from coldforge.bootstrap.grid import MOST, SHORT, Grid, shard_size, shards_of
from coldforge.errors import RefusedError
from coldforge.files.digest import canonical_json

FORMAT = 1
LARGEST = 2**50  # bytes of a volume: more is no disk that a person carries
TYPE = "application/vnd.coldforge.bundle+json"
"""What a signature of an index says it signs (DSSE payload type)."""
Kind = Literal["build", "install"]
StoreName = Literal["mirror", "layout"]
Encoding = Literal["raw", "zstd", "delta"]


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of an item's encoded bytes: data volume (from 1), offset in its payload, size."""

    volume: int
    offset: int
    size: int


class Item(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A blob: what it decodes to, in which store it belongs, and where its bytes lie, in order."""

    sha256: str
    size: int
    store: StoreName
    name: str
    """For people: `torch 2.13.0`, `layer python`."""
    parts: list[Piece]
    encoding: Encoding = "raw"
    base: str = ""
    """Of a delta: sha256 of the blob, in the same store, that it is against."""

    @property
    def encoded(self) -> int:
        """Count the bytes it takes in the volumes."""
        return sum(part.size for part in self.parts)


class Volume(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A volume's payload: its size, its sha256, and a short hash of each shard of it."""

    size: int
    sha256: str
    shards: str
    """base64 of the first 8 bytes of each shard's sha256, one after the other."""


class Tool(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of the items is the tool itself, by sha256; all of it raw, in the mirror."""

    version: str
    revision: str
    """Commit of the checkout that the bundle was made from."""
    python: str
    """Version of the carried runtime: 3.11."""
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
    """Seconds since 1970 when it was made: a later bundle has a higher one."""
    lock: str
    """sha256 of the stack's lock."""
    image: str
    """Digest of the image's manifest; empty if it was not built on the open side."""
    tags: dict[str, dict[str, Any]]
    """Names for the receiver's image layout -> descriptor."""
    tool: Tool
    items: list[Item]
    volumes: list[Volume]
    parity_volumes: list[Volume]
    parity: Grid | None = None

    @property
    def shard(self) -> int:
        """Count the bytes that each short hash is of; parity or none."""
        return shard_size([volume.size for volume in self.volumes])


def encode(index: Index) -> bytes:
    """Spell an index the one way that is signed."""
    return canonical_json(msgspec.to_builtins(index))


def decode(data: bytes) -> Index:
    """Read and check an index; raise RefusedError on what no bundle of ours says."""
    try:
        index = msgspec.json.decode(data, type=Index)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _strange(str(error)) from error
    if index.format != FORMAT:
        raise _strange(f"format {index.format}, this tool reads {FORMAT}")
    seen: set[tuple[str, str]] = set()
    for item in index.items:
        if (item.store, item.sha256) in seen:
            raise _strange(f"{item.name} is there twice")
        seen.add((item.store, item.sha256))
        _check(item, index)
    _check_volumes(index)
    return index


def _check_volumes(index: Index) -> None:
    for volume in (*index.volumes, *index.parity_volumes):
        if not 0 <= volume.size <= LARGEST or not _hex(volume.sha256):
            raise _strange("a volume without a size or a digest")
    shard = index.shard
    for volume in (*index.volumes, *index.parity_volumes):
        if len(volume.shards) != -(-SHORT * shards_of(volume.size, shard) // 3) * 4:
            raise _strange("a volume with more or fewer shards than its size says")
    grid = index.parity
    count = sum(shards_of(volume.size, shard) for volume in index.volumes)
    held = sum(volume.size for volume in index.parity_volumes)
    if grid is None:
        fits = not index.parity_volumes
    else:
        fits = min(grid) > 0 and grid.shard == shard and grid.rows + grid.parity <= MOST
        fits = fits and grid.rows == max(1, -(-count // grid.groups))
        fits = fits and held == grid.parity * grid.groups * shard
    if not fits:
        raise _strange("its parity cannot be")


def _check(item: Item, index: Index) -> None:
    if not _hex(item.sha256) or item.size < 0 or (item.encoding == "delta") != _hex(item.base):
        raise _strange(f"{item.name}: a digest or size that cannot be")
    if item.encoding == "raw" and item.encoded != item.size:
        raise _strange(f"{item.name}: {item.encoded} bytes instead of {item.size}")
    for part in item.parts:
        held = index.volumes[part.volume - 1].size if 0 < part.volume <= len(index.volumes) else -1
        if part.offset < 0 or part.size < 0 or part.offset + part.size > held:
            raise _strange(f"{item.name} lies outside its volume")


def _hex(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def _strange(why: str) -> RefusedError:
    return RefusedError(f"the bundle's index is refused: {why}", "ask the sender for a new one")
