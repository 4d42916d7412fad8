"""The parts of a bundle's index that are needed to install its tool.

`bundle.format.index` reads all of it.
"""

from __future__ import annotations

import base64
import re
from typing import Any, NamedTuple

from coldforge.bootstrap.grid import HASH_SIZE, MAX_GROUP, ParityGrid, shard_count, shard_size
from coldforge.bootstrap.strict import read_json
from coldforge.bootstrap.volume import MAX_INDEX
from coldforge.errors import RefusedError

FORMAT = 1
HEX = re.compile(r"[0-9a-f]{64}")
PYTHON = re.compile(r"3\.[0-9]{1,3}")


class InstalledTool(NamedTuple):
    """The parts of the tool, by sha256."""

    revision: str
    python: str
    runtime: list[str]
    wheels: list[str]
    project: str

    @property
    def items(self) -> list[str]:
        """All parts, sorted."""
        return sorted({*self.runtime, *self.wheels, self.project})


class ToolItem(NamedTuple):
    """An item of the tool: raw bytes in pieces (volume from 1, offset, size)."""

    sha256: str
    size: int
    parts: list[tuple[int, int, int]]


class VolumePayload(NamedTuple):
    """A volume's payload: its size, and the short hashes of its shards, concatenated."""

    size: int
    shards: bytes


class ToolIndex(NamedTuple):
    """The parts of an index that are needed."""

    serial: int
    tool: InstalledTool
    items: dict[str, ToolItem]
    """The tool's, by sha256."""
    data: list[VolumePayload]
    parity: list[VolumePayload]
    grid: ParityGrid | None

    @property
    def shard(self) -> int:
        """The shard size in bytes."""
        return shard_size([payload.size for payload in self.data])


def parse_index(data: bytes) -> ToolIndex:
    """Parse a verified index; raise RefusedError if it is malformed."""
    value = read_json(data, "the bundle's index", MAX_INDEX)
    try:
        return _index(value)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RefusedError(
            "the bundle's index is malformed", "ask the sender for a new one"
        ) from error


def _index(value: Any) -> ToolIndex:  # noqa: ANN401 - what JSON can hold
    _require(value["format"] == FORMAT)
    tool = _tool(value["tool"])
    data = [_payload(one) for one in value["volumes"]]
    wanted = set(tool.items)
    items = {
        one["sha256"]: _item(one, data)
        for one in value["items"]
        if one["store"] == "mirror" and one["sha256"] in wanted
    }
    _require(set(items) == wanted)
    parity = [_payload(one) for one in value["parity_volumes"]]
    grid = ParityGrid(*map(_count, value["parity"])) if value.get("parity") else None
    index = ToolIndex(_count(value["serial"]), tool, items, data, parity, grid)
    _check_shards(index)
    return index


def _tool(value: Any) -> InstalledTool:  # noqa: ANN401
    wheels, runtime = value["wheels"], value["runtime"]
    _require(isinstance(runtime, list) and isinstance(wheels, dict))
    made = InstalledTool(
        _text(value["revision"]), _text(value["python"]), runtime, list(wheels), value["project"]
    )
    _require(bool(PYTHON.fullmatch(made.python)))
    for sha256 in (*runtime, *wheels, made.project):
        _require(bool(HEX.fullmatch(sha256)))
    return made


def _item(value: Any, data: list[VolumePayload]) -> ToolItem:  # noqa: ANN401
    _require(value.get("encoding", "raw") == "raw")
    parts = [(_count(part[0]), _count(part[1]), _count(part[2])) for part in value["parts"]]
    for volume, offset, size in parts:
        _require(volume > 0 and offset + size <= data[volume - 1].size)
    _require(sum(part[2] for part in parts) == _count(value["size"]))
    return ToolItem(value["sha256"], value["size"], parts)


def _payload(value: Any) -> VolumePayload:  # noqa: ANN401
    return VolumePayload(_count(value["size"]), base64.b64decode(value["shards"], validate=True))


def _check_shards(index: ToolIndex) -> None:
    for payload in (*index.data, *index.parity):
        _require(len(payload.shards) == HASH_SIZE * shard_count(payload.size, index.shard))
    grid = index.grid
    if grid is not None:
        count = sum(shard_count(payload.size, index.shard) for payload in index.data)
        _require(
            min(grid) > 0 and grid.rows + grid.parity <= MAX_GROUP and grid.shard == index.shard
        )
        _require(grid.rows * grid.groups >= count)
        held = sum(payload.size for payload in index.parity)
        _require(held == grid.parity * grid.groups * grid.shard)


def _count(value: Any) -> int:  # noqa: ANN401
    _require(type(value) is int and 0 <= value < 1 << 60)
    return int(value)


def _text(value: Any) -> str:  # noqa: ANN401
    _require(isinstance(value, str) and value.isprintable() and len(value) < 200)
    return str(value)


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError
