"""The files of a folder that hold volumes of one bundle, opened."""

from contextlib import ExitStack
from pathlib import Path

from coldforge.bootstrap.folder import Volume
from coldforge.bootstrap.volume import open_plain
from coldforge.bundle.holding import Holdings
from coldforge.progress import say


def gather(volumes: list[Volume], bundle: str, holdings: Holdings, stack: ExitStack) -> None:
    """Open what claims to be of `bundle`, until `stack` ends; nothing is proved by that.

    Where a file's end is damaged, its name says what it is. Others are passed over with a line.
    """
    for volume in volumes:
        name = Path(volume.path).name
        same = holdings.of["data" if volume.sort == "data" else "parity"]
        if volume.bundle not in {"", bundle}:
            say(f"note: {name} is of another bundle, {volume.bundle[:12]}…; passed over")
        elif volume.number > len(same):
            say(f"note: {name} is no volume of this bundle; passed over")
        else:
            stream = stack.enter_context(open_plain(volume.path))
            same[volume.number - 1].carried.append(stream.fileno())
