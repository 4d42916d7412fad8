"""A compact inventory of the blobs at a site, so that the sender packs only what it lacks.

A blob is listed by the first 80 bits of its sha256: 10 bytes per blob. (Storing differences of
the sorted digests would save a seventh of that.) If the receiver has n blobs, the chance that one
of m others is mistaken for one of them is n*m/2^80: one in 10^16 for 10,000 each. A deliberate
collision gains an attacker nothing: the blob is not sent, the receiver reports it as missing, and
no wrong blob is ever used.

Format: b"coldforge-have" and a version byte, msgpack of Inventory, sha256 of all before it.
"""

import hashlib
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from coldforge import __version__
from coldforge.bundle.format.index import Kind, StoreName
from coldforge.bundle.ledger import ledger_path, read_ledger
from coldforge.bundle.stores import Stores
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.image.oci.layout import Layout
from coldforge.paths import Workspace
from coldforge.trust.trust import read_trust

MAGIC = b"coldforge-have\1"
SHORT = 10  # bytes kept of a digest
DIGEST = hashlib.sha256().digest_size
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
ManifestDigest = Annotated[str, msgspec.Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]


class ReceivedBundle(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """The newest bundle of a stack and kind that was received."""

    stack: str
    kind: Kind
    serial: Count


class Inventory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An inventory. `mirror` and `layout`: short digests of the blobs, sorted, end to end."""

    tool: str
    """Version of the tool that made it."""
    mirror: bytes
    layout: bytes
    images: dict[str, ManifestDigest]
    """Tags of the image layout -> manifest digest."""
    received: list[ReceivedBundle]
    trust: Count
    """Version of the trust document; 0 if there is none."""

    def has(self, store: StoreName, sha256: str) -> bool:
        """Tell whether a store has a blob."""
        digests = self.mirror if store == "mirror" else self.layout
        short = bytes.fromhex(sha256)[:SHORT]
        places = range(0, len(digests), SHORT)
        at = SHORT * bisect_left(places, short, key=lambda at: digests[at : at + SHORT])
        return digests[at : at + SHORT] == short


def take_inventory(space: Workspace) -> Inventory:
    """List the blobs in `space` without hashing them; mirror.verify does that.

    Partial and empty files do not count, nor do images that only the Docker Engine holds.
    """
    stores = Stores(space)
    mirror = _blobs(sorted((stores.mirror.root / "sha256").glob("??")))
    layout = _blobs([stores.layout.blob("")])
    images = {name: tag["digest"] for name, tag in stores.layout.tags().items()}
    images = {name: digest for name, digest in images.items() if _exists(stores.layout, digest)}
    try:
        trust = read_trust(space.trust).version
    except MissingInputError:
        trust = 0
    return Inventory(__version__, mirror, layout, images, _received(space), trust)


def encode(have: Inventory) -> bytes:
    """Encode an inventory; equal ones give equal bytes."""
    data = MAGIC + msgspec.msgpack.encode(have, order="sorted")
    return data + hashlib.sha256(data).digest()


def decode(data: bytes) -> Inventory:
    """Read an inventory; raise ColdforgeError on anything that `encode` does not write."""
    if not data.startswith(MAGIC):
        known = data.startswith(MAGIC[:-1])
        raise _unusable("it has another version" if known else "it is not one")
    if hashlib.sha256(data[:-DIGEST]).digest() != data[-DIGEST:]:
        raise _unusable("it is damaged")
    try:
        have = msgspec.msgpack.decode(data[len(MAGIC) : -DIGEST], type=Inventory)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(str(error)) from error
    for digests in (have.mirror, have.layout):
        each = [digests[at : at + SHORT] for at in range(0, len(digests), SHORT)]
        if len(digests) % SHORT or each != sorted(set(each)):
            raise _unusable("its digests are not in order")
    return have


def _blobs(folders: Iterable[Path]) -> bytes:
    entries = (entry for folder in folders for entry in _entries(folder))
    names = {entry.name[: 2 * SHORT] for entry in entries if _is_blob(entry)}
    return b"".join(bytes.fromhex(name) for name in sorted(names))


def _entries(folder: Path) -> "Iterator[os.DirEntry[str]]":
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from entries


def _is_blob(entry: "os.DirEntry[str]") -> bool:
    named = re.fullmatch(r"[0-9a-f]{64}", entry.name)
    return bool(named) and entry.is_file() and entry.stat().st_size > 0


def _exists(layout: Layout, digest: str) -> bool:
    place = layout.blob(digest)
    return place.is_file() and place.stat().st_size > 0


def _received(space: Workspace) -> list[ReceivedBundle]:
    newest: dict[tuple[str, Kind], int] = {}
    for entry in read_ledger(ledger_path(space)).bundles:
        if entry.whole:
            key = entry.stack, entry.kind
            newest[key] = max(entry.serial, newest.get(key, 0))
    return [ReceivedBundle(*key, serial) for key, serial in sorted(newest.items())]


def _unusable(why: str) -> ColdforgeError:
    hint = "make it again at the receiving site: ./invokew mirror.have"
    return ColdforgeError(f"the inventory cannot be read: {why}", hint)
