"""The files of a folder that hold volumes of one bundle, opened."""

from contextlib import ExitStack

from coldforge.bootstrap.folder import Folder
from coldforge.bootstrap.volume import open_plain
from coldforge.bundle.receiving.holding import Holdings
from coldforge.progress import say


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
