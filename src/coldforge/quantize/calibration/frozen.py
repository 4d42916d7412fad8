"""A frozen calibration set: one file of canonical JSON.

{"calibration":1,"digest":…,"made":{…},"sha256":…,"tokenizer":…,"windows":[[…],…]}: `digest` covers
tokenizer and ids, `sha256` everything else in the file.
"""

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from coldforge.errors import ColdforgeError, RefusedError
from coldforge.files.atomic import write_file
from coldforge.files.digest import canonical_json, sha256_json
from coldforge.quantize.calibration.calibration import Calibration

VERSION = 1
OURS = re.compile(rb'\s*\{\s*"calibration"\s*:')
REMEDY = "copy it again, or make it again: invoke calibrate"


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    calibration: int
    digest: str
    made: dict[str, Any]
    sha256: str
    tokenizer: str
    windows: list[list[int]]


def is_frozen(path: Path) -> bool:
    """Tell whether a file is a calibration set, complete or not."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return bool(OURS.match(stream.read(64)))


def write_frozen(path: Path, calibration: Calibration) -> None:
    """Write the file atomically; the same calibration gives the same bytes."""
    content = {
        "calibration": VERSION,
        "digest": calibration.digest,
        "made": calibration.made,
        "tokenizer": calibration.tokenizer,
        "windows": calibration.windows,
    }
    write_file(path, canonical_json({**content, "sha256": sha256_json(content)}) + b"\n")


def read_frozen(path: Path) -> Calibration:
    """Read the file; raise RefusedError if it is incomplete or was changed."""
    raw = path.read_bytes()
    try:
        content = json.loads(raw)
        found = msgspec.convert(content, _File)
    except (RecursionError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise RefusedError(f"{path} is not a complete calibration set", REMEDY) from error
    if found.calibration != VERSION:
        raise ColdforgeError(
            f"{path} is a calibration set of version {found.calibration}, {VERSION} is read here",
            "make it again: invoke calibrate",
        )
    calibration = Calibration(found.windows, found.tokenizer, found.made)
    del content["sha256"]
    if sha256_json(content) != found.sha256 or calibration.digest != found.digest:
        raise RefusedError(f"{path} was changed after it was made", REMEDY)
    if not found.windows or not found.windows[0] or len(set(map(len, found.windows))) > 1:
        raise RefusedError(f"{path} has no windows of equal length", REMEDY)
    return calibration


def refuse_other(path: Path) -> None:
    """Raise ColdforgeError if `path` exists and is not a calibration set."""
    if path.exists() and not is_frozen(path):
        raise ColdforgeError(f"{path} exists and is not a calibration set", "name another --out")
