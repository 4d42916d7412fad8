"""The few things of a bundle's index that are needed to lay out the tool it carries.

The whole of it is `bundle.index`'s business.
"""

from __future__ import annotations

import base64
import re
from typing import Any, NamedTuple

from coldforge.bootstrap.grid import MOST, SHORT, Grid, shard_size, shards_of
from coldforge.bootstrap.strict import read_json
from coldforge.bootstrap.volume import MOST_INDEX
from coldforge.errors import RefusedError

FORMAT = 1
HEX = re.compile(r"[0-9a-f]{64}")
PYTHON = re.compile(r"3\.[0-9]{1,3}")


class Tool(NamedTuple):
    """What the tool is made of, by sha256."""

    revision: str
    python: str
    runtime: list[str]
    wheels: list[str]
    project: str

    @property
    def items(self) -> list[str]:
        """List all of it."""
        return sorted({*self.runtime, *self.wheels, self.project})


class Item(NamedTuple):
    """An item of the tool: raw bytes in pieces (volume from 1, offset, size)."""

    sha256: str
    size: int
    parts: list[tuple[int, int, int]]


class Payload(NamedTuple):
    """A volume's payload: its bytes, and the short hashes of its shards one after the other."""

    size: int
    shards: bytes


class Index(NamedTuple):
    """What is needed of an index."""

    serial: int
    tool: Tool
    items: dict[str, Item]
    """Of the tool."""
    data: list[Payload]
    parity: list[Payload]
    grid: Grid | None

    @property
    def shard(self) -> int:
        """Give the bytes of a shard."""
        return shard_size([payload.size for payload in self.data])


def parse_index(data: bytes) -> Index:
    """Read an index that was proved; raise RefusedError if it says what none of ours says."""
    value = read_json(data, "the bundle's index", MOST_INDEX)
    try:
        return _index(value)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RefusedError(
            "the bundle's index is malformed", "ask the sender for a new one"
        ) from error


def _index(value: Any) -> Index:  # noqa: ANN401 - what JSON can hold
    _demand(value["format"] == FORMAT)
    tool = _tool(value["tool"])
    data = [_payload(one) for one in value["volumes"]]
    wanted = set(tool.items)
    items = {
        one["sha256"]: _item(one, data)
        for one in value["items"]
        if one["store"] == "mirror" and one["sha256"] in wanted
    }
    _demand(set(items) == wanted)
    parity = [_payload(one) for one in value["parity_volumes"]]
    grid = Grid(*map(_count, value["parity"])) if value.get("parity") else None
    index = Index(_count(value["serial"]), tool, items, data, parity, grid)
    _check_shards(index)
    return index


def _tool(value: Any) -> Tool:  # noqa: ANN401
    wheels, runtime = value["wheels"], value["runtime"]
    _demand(isinstance(runtime, list) and isinstance(wheels, dict))
    made = Tool(
        _text(value["revision"]), _text(value["python"]), runtime, list(wheels), value["project"]
    )
    _demand(bool(PYTHON.fullmatch(made.python)))
    for sha256 in (*runtime, *wheels, made.project):
        _demand(bool(HEX.fullmatch(sha256)))
    return made


def _item(value: Any, data: list[Payload]) -> Item:  # noqa: ANN401
    _demand(value.get("encoding", "raw") == "raw")
    parts = [(_count(part[0]), _count(part[1]), _count(part[2])) for part in value["parts"]]
    for volume, offset, size in parts:
        _demand(volume > 0 and offset + size <= data[volume - 1].size)
    _demand(sum(part[2] for part in parts) == _count(value["size"]))
    return Item(value["sha256"], value["size"], parts)


def _payload(value: Any) -> Payload:  # noqa: ANN401
    return Payload(_count(value["size"]), base64.b64decode(value["shards"], validate=True))


def _check_shards(index: Index) -> None:
    for payload in (*index.data, *index.parity):
        _demand(len(payload.shards) == SHORT * shards_of(payload.size, index.shard))
    grid = index.grid
    if grid is not None:
        count = sum(shards_of(payload.size, index.shard) for payload in index.data)
        _demand(min(grid) > 0 and grid.rows + grid.parity <= MOST and grid.shard == index.shard)
        _demand(grid.rows * grid.groups >= count)
        held = sum(payload.size for payload in index.parity)
        _demand(held == grid.parity * grid.groups * grid.shard)


def _count(value: Any) -> int:  # noqa: ANN401
    _demand(type(value) is int and 0 <= value < 1 << 60)
    return int(value)


def _text(value: Any) -> str:  # noqa: ANN401
    _demand(isinstance(value, str) and value.isprintable() and len(value) < 200)
    return str(value)


def _demand(true: bool) -> None:
    if not true:
        raise ValueError
