"""A checkpoint written block by block, then joined into one file or numbered shards.

A restarted run finds its finished blocks again. Joining copies bytes and computes nothing.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import INDEX
from coldforge.checkpoint.safetensors_file import Entry, Tensor, read_header, write_tensors
from coldforge.files.atomic import part_of, publish, write_file
from coldforge.files.output import WORK

SHARD = 4_000_000_000
"""Bytes of a shard at most, unless one tensor is larger."""


class Shards:
    """The pieces of a checkpoint that is being written."""

    def __init__(self, folder: Path) -> None:
        """Keep finished pieces in the work folder of `folder`, which a restarted run finds."""
        self.folder, self.pieces = folder, folder / WORK / "pieces"
        self.pieces.mkdir(parents=True, exist_ok=True)

    def place(self, name: str) -> Path:
        """Name the file of a finished piece, such as "00003"."""
        return self.pieces / f"{name}.safetensors"

    def write(self, name: str, tensors: Mapping[str, Any]) -> None:
        """Write a piece atomically."""
        from safetensors.torch import save_file

        part = part_of(self.place(name))
        ordered = {key: tensors[key].detach().cpu().contiguous() for key in sorted(tensors)}
        save_file(ordered, part)
        publish(part, self.place(name))

    def join(self) -> None:
        """Write model.safetensors, or numbered shards and their index, from the pieces."""
        pieces = sorted(self.pieces.glob("*.safetensors"))
        found = {path: read_header(path) for path in pieces}
        shards = list(_shards(found))
        width = len(shards)
        names: dict[str, str] = {}
        for at, shard in enumerate(shards, 1):
            name = f"model-{at:05}-of-{width:05}.safetensors" if width > 1 else "model.safetensors"
            write_tensors(self.folder / name, shard)
            names |= {key: name for _, key, _ in shard}
        if width > 1:
            total = sum(item.size for shard in shards for _, _, item in shard)
            index = {"metadata": {"total_size": total}, "weight_map": names}
            text = json.dumps(index, indent=2, sort_keys=True) + "\n"
            write_file(self.folder / INDEX, text.encode())


def _shards(found: Mapping[Path, Mapping[str, Tensor]]) -> Iterator[list[Entry]]:
    shard: list[Entry] = []
    size = 0
    for path, header in found.items():
        for name, item in sorted(header.items(), key=lambda pair: pair[1].data_offsets):
            if shard and size + item.size > SHARD:
                yield shard
                shard, size = [], 0
            shard.append((path, name, item))
            size += item.size
    yield shard
