"""What a place has: a compact inventory, so that the other side packs only what it lacks.

A blob is known by the first 80 bits of its sha256: 10 bytes a blob. Digests are random; sorted,
their differences would save a seventh of that, which nobody would notice. That the receiver has n
blobs and one of m others passes for one of them has a chance of n*m/2^80: one in 10^16 for 10,000
each. Who makes digests collide on purpose gains nothing: the blob is then not sent, receiving says
that it is missing, and nothing wrong is ever used.

Form: b"coldforge-have" and a byte of version, msgpack of Have, sha256 of all before it.
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
from coldforge.bundle.ledger import read_ledger
from coldforge.bundle.site_state import ledger_path
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


class Received(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """The newest bundle of a stack and kind that was taken in."""

    stack: str
    kind: Kind
    serial: Count


class Have(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An inventory. `mirror` and `layout`: short digests of the blobs, sorted, end to end."""

    tool: str
    """Version of the tool that took it."""
    mirror: bytes
    layout: bytes
    images: dict[str, ManifestDigest]
    """Names of the image layout."""
    received: list[Received]
    trust: Count
    """Version of the trust document; 0: there is none."""

    def has(self, store: StoreName, sha256: str) -> bool:
        """Tell whether a store has a blob."""
        digests = self.mirror if store == "mirror" else self.layout
        short = bytes.fromhex(sha256)[:SHORT]
        places = range(0, len(digests), SHORT)
        at = SHORT * bisect_left(places, short, key=lambda at: digests[at : at + SHORT])
        return digests[at : at + SHORT] == short


def take(space: Workspace) -> Have:
    """List what `space` has; nothing is hashed, mirror.verify does that.

    Only what is visible and not empty counts. What the Docker Engine alone has does not.
    """
    stores = Stores(space)
    mirror = _blobs(sorted((stores.mirror.root / "sha256").glob("??")))
    layout = _blobs([stores.layout.blob("")])
    images = {name: tag["digest"] for name, tag in stores.layout.tags().items()}
    images = {name: digest for name, digest in images.items() if _there(stores.layout, digest)}
    try:
        trust = read_trust(space.trust).version
    except MissingInputError:
        trust = 0
    return Have(__version__, mirror, layout, images, _received(space), trust)


def encode(have: Have) -> bytes:
    """Spell an inventory, the same one always the same way."""
    data = MAGIC + msgspec.msgpack.encode(have, order="sorted")
    return data + hashlib.sha256(data).digest()


def decode(data: bytes) -> Have:
    """Read an inventory; raise ColdforgeError on anything that `encode` does not write."""
    if not data.startswith(MAGIC):
        known = data.startswith(MAGIC[:-1])
        raise _unusable("another version of it" if known else "it is none")
    if hashlib.sha256(data[:-DIGEST]).digest() != data[-DIGEST:]:
        raise _unusable("it is damaged")
    try:
        have = msgspec.msgpack.decode(data[len(MAGIC) : -DIGEST], type=Have)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(str(error)) from error
    for digests in (have.mirror, have.layout):
        each = [digests[at : at + SHORT] for at in range(0, len(digests), SHORT)]
        if len(digests) % SHORT or each != sorted(set(each)):
            raise _unusable("its digests are not in order")
    return have


def _blobs(folders: Iterable[Path]) -> bytes:
    entries = (entry for folder in folders for entry in _entries(folder))
    names = {entry.name[: 2 * SHORT] for entry in entries if _counts(entry)}
    return b"".join(bytes.fromhex(name) for name in sorted(names))


def _entries(folder: Path) -> "Iterator[os.DirEntry[str]]":
    if folder.is_dir():
        with os.scandir(folder) as entries:
            yield from entries


def _counts(entry: "os.DirEntry[str]") -> bool:
    named = re.fullmatch(r"[0-9a-f]{64}", entry.name)
    return bool(named) and entry.is_file() and entry.stat().st_size > 0


def _there(layout: Layout, digest: str) -> bool:
    place = layout.blob(digest)
    return place.is_file() and place.stat().st_size > 0


def _received(space: Workspace) -> list[Received]:
    newest: dict[tuple[str, Kind], int] = {}
    for entry in read_ledger(ledger_path(space)).bundles:
        if entry.whole:
            key = entry.stack, entry.kind
            newest[key] = max(entry.serial, newest.get(key, 0))
    return [Received(*key, serial) for key, serial in sorted(newest.items())]


def _unusable(why: str) -> ColdforgeError:
    hint = "make it again where it came from: ./invokew mirror.have"
    return ColdforgeError(f"the inventory cannot be used: {why}", hint)
