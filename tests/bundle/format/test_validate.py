"""What a sender with a trusted key may say, and is not believed."""

import json
from pathlib import Path
from typing import Any

import pytest

from coldforge.files.digest import canonical_json
from coldforge.paths import Workspace
from tests.bundle.carry import (
    seal_again,
)
from tests.bundle.tampering import beside, document, refused


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
    seal_again(out, data, "sender")
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
    seal_again(out, canonical_json(document(out) | change), "sender")
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
    index = document(out)
    index["items"][0] |= change
    seal_again(out, canonical_json(index), "sender")
    refused(space, out, "the bundle's index is refused")


def test_deltas_that_hang_on_each_other_are_refused(out: Path, space: Workspace) -> None:
    index = document(out)
    first, second = index["items"]
    first |= {"encoding": "delta", "base": second["sha256"]}
    second |= {"encoding": "delta", "base": first["sha256"]}
    seal_again(out, canonical_json(index), "sender")
    refused(space, out, "is a difference against itself, by way of others")


def test_an_item_that_is_there_twice_is_refused(out: Path, space: Workspace) -> None:
    index = document(out)
    index["items"].append(index["items"][0])
    seal_again(out, canonical_json(index), "sender")
    refused(space, out, "a is there twice")


def test_a_name_given_twice_is_refused(out: Path, space: Workspace) -> None:
    index = beside(out, "index.json").replace(b'"stack":"demo"', b'"stack":"demo","stack":"demo"')
    seal_again(out, index, "sender")
    refused(space, out, "not in canonical form")


def test_an_index_spelt_another_way_is_refused(out: Path, space: Workspace) -> None:
    seal_again(out, json.dumps(document(out)).encode(), "sender")
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
    index = document(out)
    index["tool"] |= change
    seal_again(out, canonical_json(index), "sender")
    refused(space, out, "the bundle's index is refused")


@pytest.mark.parametrize("harm", ["!" * 12, "AAAA" * 3, "AAAAAAAAAAA=" * 2, ""])
def test_hashes_of_shards_that_cannot_be_are_refused(
    out: Path, space: Workspace, harm: str
) -> None:
    index = document(out)
    index["volumes"][0]["shards"] = harm
    seal_again(out, canonical_json(index), "sender")
    refused(space, out, "the bundle's index is refused")
