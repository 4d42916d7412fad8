"""Look into a bundle without taking anything in."""

import hashlib
from pathlib import Path

import msgspec

from coldforge.bootstrap.folder import Folder, scan
from coldforge.bootstrap.volume import open_plain, read_at
from coldforge.bundle.admission import admit
from coldforge.bundle.format.index import Encoding, Index, StoreName, Volume
from coldforge.bundle.format.validate import read_index
from coldforge.bundle.format.volume import Sort, volume_name
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.digest import CHUNK
from coldforge.paths import Workspace
from coldforge.progress import step


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
    right: bool | None = None
    """Whether its payload is what the index says; None: nobody looked."""


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


def inspect(space: Workspace, folder: Path, verify: bool = False) -> Seen:
    """Read the index of the bundle in `folder`; nothing is written.

    With `verify` each volume that is there is hashed too. Raise ColdforgeError if there is no
    index, a strange one, or several.
    """
    found = scan(folder)
    trusted, why = _vouched(space, found)
    bundle, index = only_index(found)
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
        volumes=check_volumes(found, bundle, index, verify),
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


def only_index(found: Folder) -> tuple[str, Index]:
    """Read the one index in a folder; raise ColdforgeError if there is none, or several."""
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


def check_volumes(found: Folder, bundle: str, index: Index, verify: bool) -> list[File]:
    """Say of each volume whether it is there and, with `verify`, whether its payload is right."""
    there: dict[tuple[str, int], list[Path]] = {}
    for file in found.volumes:
        if file.bundle in ("", bundle):
            there.setdefault((file.sort, file.number), []).append(file.path)
    sorts: list[tuple[Sort, list[Volume]]] = [
        ("data", index.volumes),
        ("parity", index.parity_volumes),
    ]
    files = []
    for sort, volumes in sorts:
        for number, volume in enumerate(volumes, 1):
            name, paths = volume_name(sort, number), there.get((sort, number), [])
            right = any(_right(path, name, volume) for path in paths) if verify and paths else None
            files.append(File(name, volume.size, bool(paths), right))
    return files


def _right(path: Path, name: str, volume: Volume) -> bool:
    """Hash a volume's payload; a disk that cannot be read is wrong."""
    digest, left = hashlib.sha256(), volume.size
    with step(f"Verifying {name}", volume.size) as current, open_plain(path) as stream:
        while left and (data := read_at(stream, volume.size - left, min(CHUNK, left))):
            digest.update(data)
            left -= len(data)
            current.advance(len(data))
        right = digest.hexdigest() == volume.sha256
        current.result = "right" if right else "damaged"
    return right
