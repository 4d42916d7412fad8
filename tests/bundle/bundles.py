"""Two sides of an air gap in one folder: a sender with a key, and a place that trusts it."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from coldforge.bundle.format.index import TYPE, Index, Tool
from coldforge.bundle.format.volume import FOOTER, VolumeKind, trailer
from coldforge.bundle.packing.items import BundleContents, BundleItem
from coldforge.bundle.packing.pack import pack
from coldforge.bundle.stores import Stores
from coldforge.files.digest import canonical_json
from coldforge.paths import Workspace
from coldforge.trust.envelope import sign
from coldforge.trust.keys import Key, public_text
from coldforge.trust.trust import Trust, write_trust

SERIAL = 1_700_000_000
SPLIT = 200_000  # bytes of a volume
TOOL = Tool(version="0", revision="0", python="3.11", runtime=[], wheels={}, project="")


def private_key(name: str) -> Ed25519PrivateKey:
    """A key that is the same in every run."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def trust(*names: str, threshold: int = 1, version: int = 1) -> Trust:
    keys = [Key(name, public_text(private_key(name))) for name in names]
    return Trust(1, version, threshold, keys)


def site(root: Path, trusted: Trust | None = None) -> Workspace:
    """A place with empty stores, which trusts key `sender`."""
    space = Workspace(root)
    space.mirror.mkdir(parents=True)
    write_trust(space.trust, trusted or trust("sender"))
    return space


def random_bytes(seed: object, size: int) -> bytes:
    return Random(repr(seed)).randbytes(size)


def make_item(
    folder: Path, name: str, data: bytes, encoded: bytes | None = None, **other: Any
) -> BundleItem:
    """An item; `encoded`: what is sent for it."""
    folder.mkdir(parents=True, exist_ok=True)
    sent = data if encoded is None else encoded
    path = folder / hashlib.sha256(sent).hexdigest()
    path.write_bytes(sent)
    fields: dict[str, Any] = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "store": "mirror",
        "name": name,
        "encoding": "raw",
        "base": "",
        "path": path,
        "digest": path.name,
    }
    return BundleItem(**fields | other)


def make_items(folder: Path, count: int = 6, size: int = 100_000) -> list[BundleItem]:
    """Items of both stores, of all sizes up to `size`."""
    stores = ("mirror", "layout")
    return [
        make_item(
            folder, f"item {n}", random_bytes(n, 1 + (n + 1) * size // count), store=stores[n % 2]
        )
        for n in range(count)
    ]


def contents(items: list[BundleItem], **other: Any) -> BundleContents:
    fields: dict[str, Any] = {
        "kind": "build",
        "stack": "demo",
        "serial": SERIAL,
        "lock": "0" * 64,
        "image": "",
        "tags": {},
        "tool": TOOL,
        "items": items,
    }
    return BundleContents(**fields | other)


def bundle(
    out: Path, items: list[BundleItem], split: int = 0, share: float = 0.0, **other: Any
) -> Index:
    """Pack a bundle that `sender` signs."""
    keys = other.pop("keys", [private_key("sender")])
    rotations = other.pop("rotations", ())
    return pack(out, contents(items, **other), split, share, keys, rotations)


def damaged_blobs(space: Workspace) -> list[Path]:
    """List visible blobs whose bytes are not what their names say."""
    stores = Stores(space)
    layout = sorted((stores.layout.root / "blobs" / "sha256").glob("[0-9a-f]*"))
    blobs = [*stores.mirror.blobs(), *layout]
    return [path for path in blobs if hashlib.sha256(path.read_bytes()).hexdigest() != path.name]


def visible_blobs(space: Workspace) -> set[str]:
    """Name all visible blobs."""
    stores = Stores(space)
    layout = (stores.layout.root / "blobs" / "sha256").glob("[0-9a-f]*")
    return {path.name for path in (*stores.mirror.blobs(), *layout)}


def damage(path: Path, *ranges: tuple[int, int]) -> None:
    """Turn over every bit of some stretches (offset, size) of a file."""
    data = bytearray(path.read_bytes())
    for offset, size in ranges:
        data[offset : offset + size] = bytes(255 - byte for byte in data[offset : offset + size])
    path.write_bytes(bytes(data))


def read_payloads(out: Path) -> dict[Path, tuple[VolumeKind, int, bytes]]:
    """Read every volume: its kind, its number, its payload."""
    found: dict[Path, tuple[VolumeKind, int, bytes]] = {}
    for path in out.glob("*.cfv"):
        data = path.read_bytes()
        _, mark, number, size, *_ = FOOTER.unpack(data[-FOOTER.size :])
        found[path] = ("data" if mark == b"data" else "parity", number, data[:size])
    return found


def replace_index(out: Path, index: bytes, *names: str, signatures: bytes = b"") -> None:
    """Put another index, signed by `names` or with `signatures`, into every place of a bundle."""
    signed = [msgspec.to_builtins(sign(TYPE, index, private_key(name))) for name in names]
    signatures = signatures or canonical_json({"signatures": signed, "trust": []})
    for path, (kind, number, payload) in read_payloads(out).items():
        path.write_bytes(payload + trailer(kind, number, len(payload), index, signatures))
    (out / "index.json").write_bytes(index)
    (out / "signatures.json").write_bytes(signatures)


def digests(items: list[BundleItem]) -> set[str]:
    return {item.sha256 for item in items}


def contents_of(folder: Path, content: Mapping[str, bytes], **other: Any) -> BundleContents:
    """Contents of items with these bytes: name -> bytes."""
    return contents([make_item(folder, name, data) for name, data in content.items()], **other)


def read_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
