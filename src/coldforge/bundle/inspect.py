"""Inspect a bundle without receiving it."""

import hashlib
from pathlib import Path

import msgspec

from coldforge.bootstrap.folder import Folder, scan
from coldforge.bootstrap.volume import open_regular, read_at
from coldforge.bundle.admission import admit
from coldforge.bundle.format.index import Encoding, Index, StoreName, Volume
from coldforge.bundle.format.validate import read_index
from coldforge.bundle.format.volume import VolumeKind, volume_name
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.digest import CHUNK
from coldforge.paths import Workspace
from coldforge.progress import step


class ItemSummary(msgspec.Struct, frozen=True):
    """One item of a bundle."""

    name: str
    sha256: str
    store: StoreName
    size: int
    encoded: int
    encoding: Encoding
    volumes: list[int]
    """Data volumes that hold it."""


class VolumeState(msgspec.Struct, frozen=True):
    """A volume, and whether the folder holds a file that claims to be it."""

    name: str
    size: int
    """Bytes of its payload."""
    present: bool
    right: bool | None = None
    """Whether its payload matches the index; None: not checked."""


class Inspection(msgspec.Struct, frozen=True):
    """The contents of a bundle, and whether keys trusted here signed it."""

    bundle: str
    kind: str
    stack: str
    serial: int
    lock: str
    image: str
    version: str
    revision: str
    trusted: bool | None
    """None if there is no trust file here."""
    why: str
    """Why it is not trusted; empty if it is."""
    items: list[ItemSummary]
    volumes: list[VolumeState]
    parity: float
    """Share of all volumes that can be lost and rebuilt."""


def inspect(space: Workspace, folder: Path, verify: bool = False) -> Inspection:
    """Read the index of the bundle in `folder`; nothing is written.

    With `verify` each volume that is there is hashed. Raise ColdforgeError if there is no index,
    an invalid one, or several.
    """
    found = scan(folder)
    trusted, why = _trusted(space, found)
    bundle, index = only_index(found)
    grid = index.parity
    return Inspection(
        bundle=bundle,
        kind=index.kind,
        stack=index.stack,
        serial=index.serial,
        lock=index.lock,
        image=index.image,
        version=index.tool.version,
        revision=index.tool.revision,
        trusted=trusted,
        why=why,
        items=_items(index),
        volumes=check_volumes(found, bundle, index, verify),
        parity=grid.parity / (grid.rows + grid.parity) if grid else 0.0,
    )


def _trusted(space: Workspace, found: Folder) -> tuple[bool | None, str]:
    if not space.trust.exists():
        return None, "there is no trust file here"
    try:
        admit(found.copies, space.trust)
    except ColdforgeError as error:
        return False, error.message
    return True, ""


def only_index(found: Folder) -> tuple[str, Index]:
    """Read the one index in a folder; raise ColdforgeError if there is none, or several."""
    if not found.copies:
        message = "there is no readable index of a bundle here"
        raise MissingInputError(message, "name the folder that holds the volumes")
    if len(found.copies) > 1:
        names = ", ".join(f"{bundle[:12]}…" for bundle in sorted(found.copies))
        message = f"there are {len(found.copies)} bundles: {names}"
        raise ColdforgeError(message, "put each into its own folder")
    ((bundle, copies),) = found.copies.items()
    return bundle, read_index(copies.data)


def _items(index: Index) -> list[ItemSummary]:
    return [
        ItemSummary(
            name=item.name,
            sha256=item.sha256,
            store=item.store,
            size=item.size,
            encoded=item.encoded,
            encoding=item.encoding,
            volumes=sorted({part.volume for part in item.parts}),
        )
        for item in index.items
    ]


def check_volumes(found: Folder, bundle: str, index: Index, verify: bool) -> list[VolumeState]:
    """List each volume: is it there and, with `verify`, is its payload intact."""
    there: dict[tuple[str, int], list[Path]] = {}
    for file in found.volumes:
        if file.bundle in ("", bundle):
            there.setdefault((file.kind, file.number), []).append(file.path)
    kinds: list[tuple[VolumeKind, list[Volume]]] = [
        ("data", index.volumes),
        ("parity", index.parity_volumes),
    ]
    files = []
    for kind, volumes in kinds:
        for number, volume in enumerate(volumes, 1):
            name, paths = volume_name(kind, number), there.get((kind, number), [])
            intact = None
            if verify and paths:
                intact = any(_is_intact(path, name, volume) for path in paths)
            files.append(VolumeState(name, volume.size, bool(paths), intact))
    return files


def _is_intact(path: Path, name: str, volume: Volume) -> bool:
    """Hash a volume's payload; one that cannot be read is damaged."""
    digest, left = hashlib.sha256(), volume.size
    with step(f"Verifying {name}", volume.size) as current, open_regular(path) as stream:
        while left and (data := read_at(stream, volume.size - left, min(CHUNK, left))):
            digest.update(data)
            left -= len(data)
            current.advance(len(data))
        intact = digest.hexdigest() == volume.sha256
        current.result = "intact" if intact else "damaged"
    return intact
