"""Digests of parts of Coldforge's own code, for cache keys."""

import os
from functools import cache
from pathlib import Path

import coldforge
from coldforge.files.digest import sha256_file, sha256_json

PACKAGE = Path(coldforge.__file__).parent


@cache
def code_digest(*places: str) -> str:
    """Hash the files of folders, or single files, given by their paths below the package; hex.

    Raise FileNotFoundError for a missing path: a moved file must not drop out of a key.
    """
    found: dict[str, str] = {}
    for place in places:
        files = files_below(PACKAGE, place)
        if not files:
            raise FileNotFoundError(PACKAGE / place)
        found |= {name: sha256_file(PACKAGE / name) for name in files}
    return sha256_json(found)


def files_below(root: Path, place: str) -> list[str]:
    """List the files of a folder, byte code left out, or a single file; paths below `root`, sorted.

    `place` is a path below `root`. os.walk takes a third of the time of Path.rglob.
    """
    top = os.path.join(root, place)  # noqa: PTH118 - strings, for speed
    if not os.path.isdir(top):  # noqa: PTH112
        return [place] if os.path.isfile(top) else []  # noqa: PTH113
    found = []
    for parent, folders, names in os.walk(top, onerror=_raise):
        folders[:] = [name for name in folders if name != "__pycache__"]
        below = place + parent[len(top) :]
        found += [f"{below}/{name}" for name in names if os.path.isfile(f"{parent}/{name}")]  # noqa: PTH113
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error
