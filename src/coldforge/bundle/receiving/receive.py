"""Take a bundle in: every byte proved before it is visible, whatever arrives and when."""

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from coldforge.bootstrap.folder import Copies, Folder, scan
from coldforge.bootstrap.volume import open_plain
from coldforge.bundle.admission import Admitted, admit
from coldforge.bundle.format.index import Item
from coldforge.bundle.format.validate import read_index
from coldforge.bundle.format.volume import Sort
from coldforge.bundle.ledger import enter, read_ledger
from coldforge.bundle.receiving.extract import take_all
from coldforge.bundle.receiving.finish import change_tool, name_images
from coldforge.bundle.receiving.missing import shortage
from coldforge.bundle.receiving.repair import Repair
from coldforge.bundle.receiving.staging import Staging
from coldforge.bundle.receiving.volumes import Holdings
from coldforge.bundle.site_state import alone, ledger_path, staging_path
from coldforge.bundle.stores import Stores, check_room
from coldforge.paths import Workspace
from coldforge.progress import say, step
from coldforge.trust.rotation import adopt


class Options(msgspec.Struct, frozen=True):
    """What a person may ask for."""

    older: bool = False
    """Take the blobs of a bundle that is older than what is here; no names."""
    digest: str = ""
    """sha256 of the index, told by hand: stands for signatures."""


class Received(msgspec.Struct):
    """What came of it."""

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
    """Volume -> shards of it that were rebuilt."""
    images: list[str] = []
    """Names that the image layout has from it."""
    project: str = ""
    """What became of the tool it carries."""
    already: bool = False
    """It was complete before; nothing was done."""


def receive(space: Workspace, folder: Path, options: Options | None = None) -> Received:
    """Take in the bundle of which `folder` holds some volumes, all or one.

    Right from the start, killed and run again, volumes in any order, one a call: nothing is
    visible that was not proved. Raise RefusedError on what is not vouched for or too old,
    ShortageError while something is missing (what is right is kept), ColdforgeError.
    """
    options = options or Options()
    with alone(space), ExitStack() as stack:
        found = scan(folder)
        admitted = admit(_copies(space, found), space.trust, options.digest)
        index, stores = admitted.index, Stores(space)
        ledger = read_ledger(ledger_path(space))
        stack.enter_context(stores.layout.held())
        lacking = [item for item in index.items if not stores.has(item)]
        done, older = not lacking and ledger.knows(admitted.bundle), ledger.older(index)
        if older and not (options.older or done):
            raise ledger.refuse(index)
        adopt(space.trust, admitted.rotations)
        result = Received(
            admitted.bundle,
            index.stack,
            index.kind,
            index.serial,
            taken=len(lacking),
            size=sum(item.size for item in lacking),
            present=len(index.items) - len(lacking),
            already=done,
        )
        if not done:
            result.repaired = _fill(space, admitted, stores, found, lacking)
            if not older:
                result.images = name_images(index, stores)
                result.project = change_tool(space, index, stores, ledger.leads(index))
            enter(ledger_path(space), admitted.bundle, index, whole=not older)
        _tidy(space, admitted)
        return result


def _fill(
    space: Workspace, admitted: Admitted, stores: Stores, found: Folder, lacking: list[Item]
) -> dict[int, int]:
    """Bring what is lacking from the folder and the staging; return the repaired shards."""
    holdings = Holdings(admitted.index)
    with (
        ExitStack() as stack,
        Staging(staging_path(space, admitted.bundle), holdings) as staging,
    ):
        gather(found, admitted.bundle, holdings, stack)
        repair = Repair(holdings, staging)
        wanted = _shards(holdings, lacking)
        sparse = not repair.hopeful(wanted)
        _check_room(stores, staging, lacking, _needed(holdings, wanted) if sparse else [])
        if sparse:
            staging.keep_index(admitted.data, admitted.signatures)
            _stage(holdings, staging, wanted)
        failed = take_all(lacking, holdings, stores, proved=False)
        if failed:
            staging.keep_index(admitted.data, admitted.signatures)
            repair.mend(_shards(holdings, failed))
            failed = take_all(failed, holdings, stores, proved=True)
        if failed:
            if not sparse:
                _stage(holdings, staging, _shards(holdings, failed))
            raise shortage(failed, repair, stores)
    return dict(repair.mended)


def _shards(holdings: Holdings, items: list[Item]) -> set[int]:
    return set().union(*(holdings.shards(item.parts) for item in items))


def _needed(holdings: Holdings, wanted: set[int]) -> list[tuple[Sort, int]]:
    """List the carried volumes to keep: with parity each helps, else those that items are in."""
    volumes = {place[0] for shard in wanted if (place := holdings.at("data", shard))}
    sorts: tuple[Sort, ...] = ("data", "parity")
    return [
        (sort, number)
        for sort in sorts
        for number, holding in enumerate(holdings.of[sort], 1)
        if holding.carried and (holdings.grid or number - 1 in volumes)
    ]


def _stage(holdings: Holdings, staging: Staging, wanted: set[int]) -> None:
    """Keep what is right of the volumes in the folder: the next call may come without them."""
    volumes = _needed(holdings, wanted)
    total = sum(holdings.of[sort][number - 1].size for sort, number in volumes)
    with step(f"Keeping {len(volumes)} volumes until the rest is here", total) as current:
        for sort, number in volumes:
            staging.keep(sort, number, current.advance)


def _check_room(
    stores: Stores, staging: Staging, items: list[Item], kept: list[tuple[Sort, int]]
) -> None:
    needs = [
        (root, sum(item.size for item in items if item.store == store))
        for store, root in stores.roots().items()
    ]
    of = staging.holdings.of
    wants = sum(staging.wants(of[sort][number - 1]) for sort, number in kept)
    check_room([*needs, (staging.folder, wants)])


def _copies(space: Workspace, found: Folder) -> Mapping[str, Copies]:
    """Give the indexes of a folder; if no volume there has a whole one, those of the staging."""
    if found.copies or not found.volumes:
        return found.copies
    folders = sorted(path for path in staging_path(space).glob("*") if path.is_dir())
    return {key: copies for path in folders for key, copies in scan(path).copies.items()}


def _tidy(space: Workspace, admitted: Admitted) -> None:
    """Forget the staging of a complete bundle, and of older ones that it stands for."""
    index = admitted.index
    shutil.rmtree(staging_path(space, admitted.bundle), ignore_errors=True)
    for path in sorted(staging_path(space).glob("*")):
        for copies in scan(path).copies.values():
            other = read_index(copies.data)
            same = (other.stack, other.kind) == (index.stack, index.kind)
            if same and other.serial < index.serial:
                shutil.rmtree(path, ignore_errors=True)


def gather(found: Folder, bundle: str, holdings: Holdings, stack: ExitStack) -> None:
    """Open what may be of `bundle`, until `stack` ends; every shard is proved when it is read.

    An end may be damaged, so the file's name counts beside what it says. What is not of this
    bundle is passed over with a line.
    """
    for volume in found.volumes:
        places = {
            (sort, number)
            for sort, number in volume.places(bundle, found.copies)
            if number <= len(holdings.of["data" if sort == "data" else "parity"])
        }
        if not places:
            say(f"note: {volume.path.name} is not of this bundle; passed over")
            continue
        handle = stack.enter_context(open_plain(volume.path)).fileno()
        for sort, number in places:
            holdings.of["data" if sort == "data" else "parity"][number - 1].carried.append(handle)
