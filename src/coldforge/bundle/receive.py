"""Take a bundle in: every byte proved before it is visible, whatever arrives and when."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from coldforge.bootstrap.folder import Copies, Folder, scan
from coldforge.bundle.admission import Admitted, admit
from coldforge.bundle.finish import finish
from coldforge.bundle.gather import gather
from coldforge.bundle.holding import Holdings
from coldforge.bundle.index import Index, Item
from coldforge.bundle.intake import take_all
from coldforge.bundle.ledger import enter, read_ledger
from coldforge.bundle.repair import Repair
from coldforge.bundle.shortage import shortage
from coldforge.bundle.site import alone, ledger_path, staging_path
from coldforge.bundle.staging import Staging
from coldforge.bundle.stores import Stores, check_room
from coldforge.bundle.volume import Sort
from coldforge.paths import Workspace
from coldforge.progress import step
from coldforge.trust.trust import write_trust


class Options(msgspec.Struct, frozen=True):
    """What a person may ask for."""

    older: bool = False
    """Take the blobs of a bundle that is older than what is here; no names."""
    digest: str = ""
    """sha256 of the index, told by hand: stands for signatures."""


class Received(msgspec.Struct, frozen=True):
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
        found = scan(str(folder))
        admitted = admit(_copies(space, found), space.trust, options.digest)
        index = admitted.index
        stores, ledger = Stores(space), read_ledger(ledger_path(space))
        stack.enter_context(stores.layout.held())
        lacking = [item for item in index.items if not stores.has(item)]
        done = not lacking and ledger.knows(admitted.bundle)
        older = ledger.older(index)
        if older and not (options.older or done):
            raise ledger.refuse(index)
        if admitted.trust:
            write_trust(space.trust, admitted.trust)
        result = Received(admitted.bundle, index.stack, index.kind, index.serial)
        if not done:
            repaired = _fill(space, admitted, stores, (found, lacking))
            result = msgspec.structs.replace(
                result,
                taken=len(lacking),
                size=sum(item.size for item in lacking),
                repaired=repaired,
            )
