"""Look into a bundle without taking anything in."""

from pathlib import Path

import msgspec

from coldforge.bootstrap.folder import Folder, scan
from coldforge.bundle.index import Encoding, Index, StoreName
from coldforge.bundle.receiving.admission import admit
from coldforge.bundle.sense import read_index
from coldforge.bundle.volume import Sort, volume_name
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.paths import Workspace


class Content(msgspec.Struct, frozen=True):
    """An item."""

    name: str
    sha256: str
    store: StoreName
    size: int
    encoded: int
    encoding: Encoding
    volumes: list[int]
    """Data volumes that hold it."""


class File(msgspec.Struct, frozen=True):
    """A volume, and whether a file that says it is it lies in the folder."""

    name: str
    size: int
    """Bytes of its payload."""
    present: bool


class Seen(msgspec.Struct, frozen=True):
    """What a bundle says about itself, and whether the keys trusted here vouch for it."""

    bundle: str
    kind: str
    stack: str
    serial: int
    lock: str
    image: str
    version: str
    revision: str
    trusted: bool | None
    """None: there is no trust file here."""
    why: str
    """What its signatures lack; empty if nothing."""
    items: list[Content]
    volumes: list[File]
    parity: float
    """Share of all volumes that may be lost."""


def inspect(space: Workspace, folder: Path) -> Seen:
    """Read the index of the bundle in `folder`; nothing is written, no payload is read.

    Raise ColdforgeError if there is no index, a strange one, or several.
    """
    found = scan(folder)
    trusted, why = _vouched(space, found)
    bundle, index = _index(found)
    grid = index.parity
    return Seen(
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
        volumes=_volumes(found, bundle, index),
        parity=grid.parity / (grid.rows + grid.parity) if grid else 0.0,
    )


def _vouched(space: Workspace, found: Folder) -> tuple[bool | None, str]:
    if not space.trust.exists():
        return None, "there is no trust file here"
    try:
        admit(found.copies, space.trust)
    except ColdforgeError as error:
        return False, error.message
    return True, ""


def _index(found: Folder) -> tuple[str, Index]:
    if not found.copies:
        message = "no index of a bundle is here, or none that can be read"
        raise MissingInputError(message, "name the folder that holds the volumes")
    if len(found.copies) > 1:
        names = ", ".join(f"{bundle[:12]}…" for bundle in sorted(found.copies))
        message = f"there are {len(found.copies)} bundles: {names}"
        raise ColdforgeError(message, "give each a folder of its own")
    ((bundle, copies),) = found.copies.items()
    return bundle, read_index(copies.data)


def _items(index: Index) -> list[Content]:
    return [
        Content(
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


def _volumes(found: Folder, bundle: str, index: Index) -> list[File]:
    there = {(file.sort, file.number) for file in found.volumes if file.bundle in ("", bundle)}
    sorts: list[tuple[Sort, list[int]]] = [
        ("data", [volume.size for volume in index.volumes]),
        ("parity", [volume.size for volume in index.parity_volumes]),
    ]
    return [
        File(volume_name(sort, number), size, (sort, number) in there)
        for sort, sizes in sorts
        for number, size in enumerate(sizes, 1)
    ]
