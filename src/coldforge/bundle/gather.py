"""The files of a folder that hold volumes of one bundle, opened."""

from contextlib import ExitStack

from coldforge.bootstrap.folder import NAME, SORTS, Folder, Volume
from coldforge.bootstrap.volume import open_plain
from coldforge.bundle.holding import Holdings
from coldforge.progress import say


def gather(found: Folder, bundle: str, holdings: Holdings, stack: ExitStack) -> None:
    """Open what may be of `bundle`, until `stack` ends; every shard is proved when it is read.

    An end may be damaged, so the file's name counts beside what it says. What is not of this
    bundle is passed over with a line.
    """
    for volume in found.volumes:
        places = {
            (sort, number)
            for sort, number in _claims(volume)
            if number <= len(holdings.of["data" if sort == "data" else "parity"])
        }
        if not places or (volume.bundle != bundle and volume.bundle in found.copies):
            say(f"note: {volume.path.name} is not of this bundle; passed over")
            continue
        handle = stack.enter_context(open_plain(volume.path)).fileno()
        for sort, number in places:
            holdings.of["data" if sort == "data" else "parity"][number - 1].carried.append(handle)


def _claims(volume: Volume) -> set[tuple[str, int]]:
    """List which volumes a file may be."""
    said = {(volume.sort, volume.number)}
    match = NAME.fullmatch(volume.path.name)
    if match and int(match[2]):
        said.add((SORTS[match[1]], int(match[2])))
    return said
