"""Receive a bundle: verify every byte before it becomes visible, in any order of volumes."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from coldforge.bootstrap.folder import Copies, Folder, scan
from coldforge.bootstrap.volume import open_regular
from coldforge.bundle.admission import Admitted, admit
from coldforge.bundle.format.index import Item
from coldforge.bundle.format.validate import read_index
from coldforge.bundle.format.volume import VolumeKind
from coldforge.bundle.ledger import ledger_path, read_ledger, record
from coldforge.bundle.receiving.extract import extract_all
from coldforge.bundle.receiving.finish import name_images, update_tool
from coldforge.bundle.receiving.missing import incomplete
from coldforge.bundle.receiving.repair import Repair
from coldforge.bundle.receiving.staging import Staging, staging_path
from coldforge.bundle.receiving.volumes import VolumeSet
from coldforge.bundle.stores import Stores, check_space
from coldforge.errors import ColdforgeError
from coldforge.files.lock import locked
from coldforge.paths import Workspace
from coldforge.progress import say, step
from coldforge.trust.rotation import adopt


class ReceiveOptions(msgspec.Struct, frozen=True):
    """What a caller may choose."""

    older: bool = False
    """Take the blobs of a bundle that is older than what is here; change no names."""
    digest: str = ""
    """sha256 of the index, from the sender; replaces signatures."""


class ReceiveResult(msgspec.Struct):
    """What was done."""

    bundle: str
    stack: str
    kind: str
    serial: int
    taken: int = 0
    """Items that were not here before."""
    size: int = 0
    """Bytes of them."""
    present: int = 0
    """Items that were here."""
    repaired: dict[int, int] = {}
    """Volume -> number of shards rebuilt."""
    images: list[str] = []
    """Names that were given in the image layout."""
    project: str = ""
    """What was done with the tool it carries."""
    already: bool = False
    """Whether it was complete before; nothing was done then."""


def receive(space: Workspace, folder: Path, options: ReceiveOptions | None = None) -> ReceiveResult:
    """Receive the bundle of which `folder` holds one, some or all volumes.

    Volumes may come in any order, one per call, and a killed run may be repeated: no blob is
    visible before it is verified. Raise RefusedError if the bundle is not trusted or too old,
    IncompleteBundleError while something is missing (intact shards are kept), ColdforgeError.
    """
    options = options or ReceiveOptions()
    with exclusive(space), ExitStack() as stack:
        found = scan(folder)
        admitted = admit(_copies(space, found), space.trust, options.digest)
        index, stores = admitted.index, Stores(space)
        ledger = read_ledger(ledger_path(space))
        stack.enter_context(stores.layout.held())
        lacking = [item for item in index.items if not stores.has(item)]
        done = not lacking and ledger.has_complete(admitted.bundle)
        older = ledger.is_outdated(index)
        if older and not (options.older or done):
            raise ledger.refusal(index)
        adopt(space.trust, admitted.rotations)
        result = _result(admitted, lacking, done)
        if not done:
            result.repaired = _fill(space, admitted, stores, found, lacking)
            if not older:
                result.images = name_images(index, stores)
                result.project = update_tool(space, index, stores, ledger.is_newest(index))
            record(ledger_path(space), admitted.bundle, index, whole=not older)
        _clean_up(space, admitted)
        return result


def _result(admitted: Admitted, lacking: list[Item], done: bool) -> ReceiveResult:
    index = admitted.index
    return ReceiveResult(
        admitted.bundle,
        index.stack,
        index.kind,
        index.serial,
        taken=len(lacking),
        size=sum(item.size for item in lacking),
        present=len(index.items) - len(lacking),
        already=done,
    )


@contextmanager
def exclusive(space: Workspace) -> Iterator[None]:
    """Keep other receives out; raise ColdforgeError if one is running."""
    space.site.mkdir(parents=True, exist_ok=True)
    busy = ColdforgeError("another receive is running here", "wait until it ends")
    with locked(space.site, busy=busy):
        yield


def _fill(
    space: Workspace, admitted: Admitted, stores: Stores, found: Folder, lacking: list[Item]
) -> dict[int, int]:
    """Extract what is lacking from the folder and the staging; return the shards repaired."""
    volumes = VolumeSet(admitted.index)
    with (
        ExitStack() as stack,
        Staging(staging_path(space, admitted.bundle), volumes) as staging,
    ):
        open_volumes(found, admitted.bundle, volumes, stack)
        repair = Repair(volumes, staging)
        wanted = _shards(volumes, lacking)
        sparse = not repair.is_possible(wanted)
        _check_space(stores, staging, lacking, _needed(volumes, wanted) if sparse else [])
        if sparse:
            staging.write_index(admitted.data, admitted.signatures)
            _stage(volumes, staging, wanted)
        failed = extract_all(lacking, volumes, stores, verified=False)
        if failed:
            staging.write_index(admitted.data, admitted.signatures)
            repair.repair_shards(_shards(volumes, failed))
            failed = extract_all(failed, volumes, stores, verified=True)
        if failed:
            if not sparse:
                _stage(volumes, staging, _shards(volumes, failed))
            raise incomplete(failed, repair, stores)
    return dict(repair.repaired)


def _shards(volumes: VolumeSet, items: list[Item]) -> set[int]:
    return set().union(*(volumes.shards(item.parts) for item in items))


def _needed(volumes: VolumeSet, wanted: set[int]) -> list[tuple[VolumeKind, int]]:
    """List the volumes here to keep: with parity all of them, else those that items are in."""
    numbers = {place[0] for shard in wanted if (place := volumes.locate("data", shard))}
    kinds: tuple[VolumeKind, ...] = ("data", "parity")
    return [
        (kind, number)
        for kind in kinds
        for number, reader in enumerate(volumes.readers[kind], 1)
        if reader.files and (volumes.grid or number - 1 in numbers)
    ]


def _stage(volumes: VolumeSet, staging: Staging, wanted: set[int]) -> None:
    """Keep the intact shards of the folder's volumes: they may be gone at the next call."""
    needed = _needed(volumes, wanted)
    total = sum(volumes.readers[kind][number - 1].size for kind, number in needed)
    with step(f"Keeping {len(needed)} volumes until the rest is here", total) as current:
        for kind, number in needed:
            staging.copy_shards(kind, number, current.advance)


def _check_space(
    stores: Stores, staging: Staging, items: list[Item], kept: list[tuple[VolumeKind, int]]
) -> None:
    needs = [
        (root, sum(item.size for item in items if item.store == store))
        for store, root in stores.roots().items()
    ]
    readers = staging.volumes.readers
    staged = sum(staging.space_needed(readers[kind][number - 1]) for kind, number in kept)
    check_space([*needs, (staging.folder, staged)])


def _copies(space: Workspace, found: Folder) -> Mapping[str, Copies]:
    """Return the indexes in a folder; if it holds none that is intact, those of the staging."""
    if found.copies or not found.volumes:
        return found.copies
    folders = sorted(path for path in staging_path(space).glob("*") if path.is_dir())
    return {key: copies for path in folders for key, copies in scan(path).copies.items()}


def _clean_up(space: Workspace, admitted: Admitted) -> None:
    """Remove the staging of a complete bundle, and of older ones that it replaces."""
    index = admitted.index
    shutil.rmtree(staging_path(space, admitted.bundle), ignore_errors=True)
    for path in sorted(staging_path(space).glob("*")):
        for copies in scan(path).copies.values():
            other = read_index(copies.data)
            same = (other.stack, other.kind) == (index.stack, index.kind)
            if same and other.serial < index.serial:
                shutil.rmtree(path, ignore_errors=True)


def open_volumes(found: Folder, bundle: str, volumes: VolumeSet, stack: ExitStack) -> None:
    """Open all files that may be volumes of `bundle`, until `stack` closes them.

    A footer may be damaged, so the file's name counts too. Files of other bundles are skipped
    with a note. Every shard is verified when it is read.
    """
    for volume in found.volumes:
        places = {
            (kind, number)
            for kind, number in volume.candidates(bundle, found.copies)
            if number <= len(volumes.readers["data" if kind == "data" else "parity"])
        }
        if not places:
            say(f"note: {volume.path.name} is not of this bundle; skipped")
            continue
        handle = stack.enter_context(open_regular(volume.path)).fileno()
        for kind, number in places:
            volumes.readers["data" if kind == "data" else "parity"][number - 1].files.append(handle)
