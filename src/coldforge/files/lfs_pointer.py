"""Git LFS pointers: small text files in place of large ones.

Format: the Git LFS specification, docs/spec.md, "The Pointer".
"""

import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import msgspec

LIMIT = 1024  # bytes; a pointer is shorter
STARTS = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
OID = re.compile(r"^oid sha256:([0-9a-f]{64})\r?$", re.MULTILINE)
SIZE = re.compile(r"^size (0|[1-9][0-9]{0,18})\r?$", re.MULTILINE)


class Pointer(msgspec.Struct, frozen=True):
    """The digest and size of the file that a pointer stands for."""

    oid: str
    """sha256 of the large file, hex."""
    size: int


def parse_pointer(data: bytes) -> Pointer | None:
    """Parse a pointer; None for anything else."""
    if len(data) >= LIMIT or not data.startswith(STARTS):
        return None
    text = data.decode("utf-8", "replace")
    oid, size = OID.search(text), SIZE.search(text)
    return Pointer(oid[1], int(size[1])) if oid and size else None


def file_pointer(path: Path) -> Pointer | None:
    """Read a file as a pointer; None if it is not one."""
    with path.open("rb") as stream:
        return _read(stream)


def pointers(tar: Path) -> dict[str, Pointer]:
    """Find the pointers in an uncompressed tar: path -> pointer."""
    with tarfile.open(tar, "r:") as archive:
        found = {
            info.name: _read(archive.extractfile(info))
            for info in archive
            if info.isfile() and info.size < LIMIT
        }
    return {path: pointer for path, pointer in sorted(found.items()) if pointer}


def unmet(promised: Mapping[str, Pointer], brought: Mapping[str, Path]) -> Iterator[str]:
    """Yield a message for each pointer without its file, or with one of the wrong size.

    `brought`: path in the tree -> the large file here. The mirror has verified its digest.
    """
    for path, pointer in promised.items():
        promise = f"(sha256 {pointer.oid}, {pointer.size} bytes)"
        file = brought.get(path)
        if file is None or file_pointer(file) is not None:
            yield f"{path} is a Git LFS pointer, not the file itself {promise}"
        elif file.stat().st_size != pointer.size:
            yield f"{path} has {file.stat().st_size} bytes, its Git LFS pointer promises {promise}"


def _read(stream: IO[bytes] | None) -> Pointer | None:
    return parse_pointer(stream.read(LIMIT)) if stream else None
