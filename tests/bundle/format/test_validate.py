"""What a sender with a trusted key may say, and is not believed."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coldforge.bootstrap.grid import ParityGrid, shard_count, shard_size
from coldforge.bundle.format.index import Volume, encode
from coldforge.bundle.format.validate import read_index
from coldforge.errors import RefusedError
from coldforge.files.digest import canonical_json
from coldforge.paths import Workspace
from tests.bundle.bundles import (
    replace_index,
)
from tests.bundle.format.test_index import TOOL, A, B, index
from tests.bundle.tampering import index_document, read_file, refused


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[" * 1_000_000,
        b"\xff\xfe",
        b'{"tags":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
    ],
)
def test_a_signed_index_without_sense_is_refused(out: Path, space: Workspace, data: bytes) -> None:
    replace_index(out, data, "sender")
    refused(space, out, "the bundle's index is refused")


DEEP: Any = 1


for _ in range(900):
    DEEP = [DEEP]


HEADS: list[dict[str, Any]] = [
    {"stack": "../../etc"},
    {"stack": ""},
    {"stack": "a\x1b[2J"},
    {"serial": 2**63},
    {"serial": -1},
    {"serial": 10**12},
    {"serial": 1.5},
    {"lock": "../x"},
    {"image": "sha256:x"},
    {"kind": "other"},
    {"format": 2},
    {"more": 1},
    {"tags": {"../x": {"mediaType": "a", "digest": "sha256:" + "0" * 64, "size": 1}}},
    {"tags": {"x": {"mediaType": "a", "digest": "sha256:../../x", "size": 1}}},
    {"tags": {"x": {"mediaType": "a", "digest": "sha256:" + "0" * 64, "size": True}}},
    {"tags": {"x": {"mediaType": ["a"], "digest": "sha256:" + "0" * 64, "size": 1}}},
    {"tags": {"x": {"digest": DEEP}}},
    {"parity": [65536, 1, 1, 0]},
    {"parity": [65536, 200, 100, 1]},
    {"parity": [1, 1, 1, 1]},
    {"parity": [2**62, 2**62, 1, 2**62]},
    {"parity": [65536, 2, 1, 1]},
    {"parity_volumes": [{"size": 65536, "sha256": "0" * 64, "shards": "AAAAAAAAAAA="}]},
]


@pytest.mark.parametrize("change", HEADS, ids=lambda change: repr(change)[:40])
def test_a_signed_index_that_cannot_be_is_refused(
    out: Path, space: Workspace, change: dict[str, Any]
) -> None:
    replace_index(out, canonical_json(index_document(out) | change), "sender")
    refused(space, out, "the bundle's index is refused")


ITEMS: list[dict[str, Any]] = [
    {"sha256": "../../../../etc/passwd"},
    {"sha256": "A" * 64},
    {"store": "/etc"},
    {"name": "a\nb"},
    {"name": "a\x1b]0;title\x07"},
    {"name": "a\u202eb"},
    {"name": "a" * 10_000},
    {"size": 2**63},
    {"size": -1},
    {"size": 2**55, "encoding": "zstd"},
    {"parts": [[1, 0, 2**63]]},
    {"parts": [[1, 2**63, 50_000]]},
    {"parts": [[1, 60_000, 50_000]]},
    {"parts": [[1, -1, 50_000]]},
    {"parts": [[0, 0, 50_000]]},
    {"parts": [[2, 0, 50_000]]},
    {"parts": [[1, 50_000, 50_000]]},
    {"parts": [[1, 0, 25_000], [1, 0, 25_000]]},
    {"parts": [[1, 0, 50_000, 4]]},
    {"base": "a" * 64},
    {"encoding": "delta"},
    {"encoding": "gzip"},
]


@pytest.mark.parametrize("change", ITEMS, ids=lambda change: repr(change)[:40])
def test_a_signed_item_that_cannot_be_is_refused(
    out: Path, space: Workspace, change: dict[str, Any]
) -> None:
    said = index_document(out)
    said["items"][0] |= change
    replace_index(out, canonical_json(said), "sender")
    refused(space, out, "the bundle's index is refused")


def test_deltas_that_hang_on_each_other_are_refused(out: Path, space: Workspace) -> None:
    said = index_document(out)
    first, second = said["items"]
    first |= {"encoding": "delta", "base": second["sha256"]}
    second |= {"encoding": "delta", "base": first["sha256"]}
    replace_index(out, canonical_json(said), "sender")
    refused(space, out, "is part of a cycle of deltas")


def test_an_item_that_is_there_twice_is_refused(out: Path, space: Workspace) -> None:
    said = index_document(out)
    said["items"].append(said["items"][0])
    replace_index(out, canonical_json(said), "sender")
    refused(space, out, "a is listed twice")


def test_a_name_given_twice_is_refused(out: Path, space: Workspace) -> None:
    index = read_file(out, "index.json").replace(
        b'"stack":"demo"', b'"stack":"demo","stack":"demo"'
    )
    replace_index(out, index, "sender")
    refused(space, out, "not in canonical form")


def test_an_index_spelt_another_way_is_refused(out: Path, space: Workspace) -> None:
    replace_index(out, json.dumps(index_document(out)).encode(), "sender")
    refused(space, out, "not in canonical form")


TOOLS: list[dict[str, Any]] = [
    {"wheels": {"a" * 64: "../../site.whl"}},
    {"wheels": {"a" * 64: "a.whl", "b" * 64: "A.whl"}},
    {"wheels": {"x": "a.whl"}},
    {"runtime": ["../x"]},
    {"runtime": ["a" * 64, "a" * 64]},
    {"project": "../x"},
    {"revision": "a\nb"},
    {"version": "../1"},
    {"python": "3.11/../../x"},
]


@pytest.mark.parametrize("change", TOOLS, ids=lambda change: repr(change)[:40])
def test_a_signed_tool_that_cannot_be_is_refused(
    out: Path, space: Workspace, change: dict[str, Any]
) -> None:
    said = index_document(out)
    said["tool"] |= change
    replace_index(out, canonical_json(said), "sender")
    refused(space, out, "the bundle's index is refused")


@pytest.mark.parametrize("harm", ["!" * 12, "AAAA" * 3, "AAAAAAAAAAA=" * 2, ""])
def test_hashes_of_shards_that_cannot_be_are_refused(
    out: Path, space: Workspace, harm: str
) -> None:
    said = index_document(out)
    said["volumes"][0]["shards"] = harm
    replace_index(out, canonical_json(said), "sender")
    refused(space, out, "the bundle's index is refused")


ONE_WHEEL = msgspec.structs.replace(TOOL, project="")


def changed(**change: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(encode(index(**{"tool": ONE_WHEEL} | change)))
    return made


def named(tag: str, **change: Any) -> dict[str, Any]:
    descriptor = {"mediaType": "a", "digest": "sha256:" + "0" * 64, "size": 1}
    return changed(tags={tag: descriptor | change})


def item(**change: Any) -> dict[str, Any]:
    made = changed()
    made["items"][1] |= change
    return made


def carried(**change: Any) -> dict[str, Any]:
    return changed(tool=msgspec.structs.replace(ONE_WHEEL, **change))


def large(size: int) -> dict[str, Any]:
    """An index whose one volume has `size` bytes."""
    shards = shard_count(size, shard_size([size]))
    return changed(volumes=[Volume(size, A, base64.b64encode(bytes(8 * shards)).decode())])


def grouped(rows: int) -> dict[str, Any]:
    """An index whose one group has `rows` rows of data and 56 of parity."""
    volumes = [
        Volume(count * 65536, A, base64.b64encode(bytes(8 * count)).decode())
        for count in (rows, 56)
    ]
    return changed(
        volumes=volumes[:1], parity_volumes=volumes[1:], parity=ParityGrid(65536, rows, 56, 1)
    )


LIMITS: dict[str, tuple[Any, int]] = {
    "the stack's name": (lambda size: changed(stack="a" * size), 100),
    "the time": (lambda time: changed(serial=time), 253402300799),
    "an image's name": (lambda size: named("a" * size), 200),
    "an image's media type": (lambda size: named("a", mediaType="a" * size), 300),
    "an image's size": (lambda size: named("a", size=size), 2**50),
    "an item's name": (lambda size: item(name="a" * size), 300),
    "an item's size": (lambda size: item(size=size), 2**50),
    "a volume's size": (large, 2**50),
    "the shards of a group": (grouped, 200),
    "the tool's version": (lambda size: carried(version="a" * size), 100),
    "a wheel's name": (lambda size: carried(wheels={B: "a" * (size - 4) + ".whl"}), 204),
}


@pytest.mark.parametrize(("make", "most"), LIMITS.values(), ids=LIMITS)
def test_the_largest_value_passes_and_a_larger_one_does_not(make: Any, most: int) -> None:
    assert read_index(canonical_json(make(most)))
    with pytest.raises(RefusedError, match="the bundle's index is refused"):
        read_index(canonical_json(make(most + 1)))
