"""Tensors of several safetensors files, copied into one."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from coldforge.checkpoint.safetensors_file import WIDTHS, Tensor, data_start
from coldforge.files.atomic import part_of, publish
from coldforge.files.digest import CHUNK

Entry = tuple[Path, str, Tensor]
"""A file, and the name and place of a tensor in it."""


def write_tensors(
    path: Path, entries: list[Entry], advance: Callable[[int], None] | None = None
) -> None:
    """Write one safetensors file of tensors that lie in others; `advance` is told of bytes."""
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
