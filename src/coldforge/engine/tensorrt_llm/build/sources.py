"""A release's example programs: they are in its sources, not in its wheel."""

import shutil
import tarfile
from pathlib import Path

from coldforge.errors import ColdforgeError
from coldforge.files.atomic import publish_folder

EXAMPLES = "examples"


def lay_out(tar: Path, place: Path) -> Path:
    """Unpack the examples of a release's locked source tar to `place`, once; return it."""
    if place.is_dir():
        return place
    part = place.with_name(f"{place.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with tarfile.open(tar) as archive:
        wanted = [item for item in archive if item.name.split("/")[0] == EXAMPLES]
        if not wanted:
            raise ColdforgeError(f"{tar.name} holds no {EXAMPLES}", "run: invoke mirror.verify")
        archive.extractall(part, wanted, filter="data")
    publish_folder(part, place)
    return place
