"""Safetensors files, read and written without a tensor library: header, spans, digests.

A file is a little-endian 64-bit header length, a JSON header, then the tensors' bytes.
"""

import hashlib
import json
import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from coldforge.errors import ColdforgeError
from coldforge.files.atomic import part_of, publish
from coldforge.files.digest import CHUNK

HEADER_CAP = 100_000_000  # bytes; what the format's own readers accept
WIDTHS = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "I16": 2, "F16": 2,
    "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip
"""Bytes of one element by dtype."""
UNREADABLE = (AttributeError, RecursionError, TypeError, ValueError, msgspec.ValidationError)
REMEDY = "copy the file again, or convert or quantise the model again"


class Tensor(msgspec.Struct, frozen=True):
    """A tensor's type, shape and place in its file."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]
    """First byte and the one after the last, counted from the end of the header."""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.data_offsets[1] - self.data_offsets[0]


def read_header(path: Path) -> dict[str, Tensor]:
    """Read what `path` holds; raise ColdforgeError if it is not a complete safetensors file."""
    return _read(path)[0]


def data_start(path: Path) -> int:
    """Return the place in the file that a tensor's offsets count from."""
    with path.open("rb") as stream:
        return 8 + int.from_bytes(stream.read(8), "little")


def tensor_digests(path: Path) -> dict[str, str]:
    """Hash each tensor (dtype, shape, bytes), hex; metadata and order do not matter."""
    header, start = _read(path)
    with path.open("rb") as stream:
        digests = {}
        for name, tensor in header.items():
            digest = hashlib.sha256(f"{tensor.dtype} {tensor.shape} ".encode())
            stream.seek(start + tensor.data_offsets[0])
            for chunk in _chunks(stream.read, tensor.size):
                digest.update(chunk)
            digests[name] = digest.hexdigest()
    return digests


def _read(path: Path) -> tuple[dict[str, Tensor], int]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(HEADER_CAP, size - 8):
            raise _broken(path, "its header is longer than the file")
        raw = stream.read(length)
    header = _parse(path, raw)
    _check(path, header, size - 8 - length)
    return header, 8 + length


def _parse(path: Path, raw: bytes) -> dict[str, Tensor]:
    try:
        entries = json.loads(raw)
        entries.pop("__metadata__", None)
        return msgspec.convert(entries, dict[str, Tensor])
    except UNREADABLE as error:
        raise _broken(path, "its header cannot be read") from error


def _check(path: Path, header: dict[str, Tensor], size: int) -> None:
    """Check that tensors fill the rest of the file without gap or overlap, as the format asks."""
    at = 0
    for name, tensor in sorted(header.items(), key=lambda item: item[1].data_offsets):
        if tensor.dtype not in WIDTHS:
            raise _broken(path, f"tensor {name} has the unknown type {tensor.dtype}")
        expected = math.prod(tensor.shape) * WIDTHS[tensor.dtype]
        if min(tensor.shape, default=0) < 0 or tensor.data_offsets != (at, at + expected):
            raise _broken(path, f"tensor {name} is not where the shapes before it put it")
        at += expected
    if at != size:
        raise _broken(path, f"it has {size} bytes of tensors, its header says {at}")


def _broken(path: Path, why: str) -> ColdforgeError:
    return ColdforgeError(f"{path.name} is not a complete safetensors file: {why}", REMEDY)


def _chunks(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := read(min(CHUNK, size))):
        size -= len(chunk)
        yield chunk


Entry = tuple[Path, str, Tensor]
"""A file, and the name and place of a tensor in it."""


def write_tensors(
    path: Path, entries: list[Entry], advance: Callable[[int], None] | None = None
) -> None:
    """Copy tensors of other files into one; `advance` is called with the bytes written."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    # Widest elements first, as the format's own writer does: every tensor is aligned.
    entries = sorted(entries, key=lambda entry: -WIDTHS[entry[2].dtype])
    for _, name, item in entries:
        header[name] = {
            "dtype": item.dtype, "shape": item.shape, "data_offsets": [at, at + item.size],
        }  # fmt: skip
        at += item.size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    part = part_of(path)
    with part.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for source, _, item in entries:
            with source.open("rb") as stream:
                stream.seek(data_start(source) + item.data_offsets[0])
                _copy(stream, out, item.size)
            if advance:
                advance(item.size)
    publish(part, path)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size > 0 and (chunk := source.read(min(CHUNK, size))):
        target.write(chunk)
        size -= len(chunk)
