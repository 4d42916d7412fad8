"""What an index may say, and what is refused before anything else looks at it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.bundle.format.index import (
    FORMAT,
    Index,
    Item,
    ItemPart,
    Tool,
    Volume,
    decode,
    encode,
)
from coldforge.errors import ColdforgeError

A, B = "a" * 64, "b" * 64
TOOL = Tool("0.1.0", "abc", "3.11", [A], {B: "demo-1-py3-none-any.whl"}, A)


def index(**changes: Any) -> Index:
    """An index of two items in one volume."""
    items = [
        Item(A, 3, "mirror", "demo 1", [ItemPart(1, 0, 3)]),
        Item(B, 9, "layout", "layer top", [ItemPart(1, 3, 4)], "zstd"),
    ]
    fields: dict[str, Any] = {
        "format": FORMAT,
        "kind": "build",
        "stack": "cpu",
        "serial": 7,
        "lock": A,
        "image": "",
        "tags": {},
        "tool": TOOL,
        "items": items,
        "volumes": [Volume(7, A, "AAAAAAAAAAA=")],
        "parity_volumes": [],
    }
    return Index(**{**fields, **changes})


def spoiled(**changes: Any) -> bytes:
    """The first item's fields changed, as bytes."""
    document = json.loads(encode(index()))
    document["items"][0] |= changes
    return json.dumps(document).encode()


def test_an_index_is_read_back_as_it_was_written() -> None:
    assert decode(encode(index())) == index()


def test_equal_indexes_are_equal_bytes() -> None:
    assert encode(decode(encode(index()))) == encode(index())


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": "../../etc/passwd"},
        {"sha256": A.upper()},
        {"sha256": B, "store": "layout"},
        {"store": "elsewhere"},
        {"encoding": "lzma"},
        {"encoding": "delta"},
        {"encoding": "delta", "base": "x"},
        {"base": B},
        {"size": -1},
        {"size": 2},
        {"parts": [[1, 0, 2]]},
        {"parts": [[0, 0, 3]]},
        {"parts": [[2, 0, 3]]},
        {"parts": [[1, 5, 3]]},
        {"parts": [[1, -1, 3]]},
        {"parts": [[1, 2**63, 3]]},
        {"unknown": 1},
    ],
)
def test_an_item_that_cannot_be_is_refused_in_one_line(changes: dict[str, Any]) -> None:
    with pytest.raises(ColdforgeError, match="the bundle's index is refused") as caught:
        decode(spoiled(**changes))
    assert "\n" not in caught.value.message


def test_another_format_is_named() -> None:
    with pytest.raises(ColdforgeError, match="format 2, this tool reads 1"):
        decode(encode(index(format=2)))


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_an_index_or_a_refusal(data: bytes) -> None:
    with pytest.raises(ColdforgeError):
        decode(data)


@given(st.integers(), st.integers(), st.integers(), st.integers())
def test_no_grid_ends_in_a_crash(shard: int, rows: int, parity: int, groups: int) -> None:
    document = json.loads(encode(index()))
    document["parity"] = [shard, rows, parity, groups]
    try:
        decode(json.dumps(document).encode())
    except ColdforgeError:
        return
    pytest.fail("the index has no parity volumes")
