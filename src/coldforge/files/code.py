"""Digests of parts of Coldforge's own code, for cache keys."""

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
        path = PACKAGE / place
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        files = [one for one in inside if one.is_dir() is False and "__pycache__" not in one.parts]
        if not files:
            raise FileNotFoundError(path)
        found |= {one.relative_to(PACKAGE).as_posix(): sha256_file(one) for one in files}
    return sha256_json(found)
