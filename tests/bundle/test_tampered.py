"""What a hostile courier, or a hostile sender with a trusted key, may bring: all of it refused."""

import json
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from coldforge.bundle.receiving.receive import receive
from coldforge.bundle.volume import FOOTER, MAGIC, trailer
from coldforge.digest import canonical_json
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.paths import Workspace
from tests.bundle.carry import (
    SERIAL,
    bundle,
    noise,
    place,
    seal_again,
    source,
    sources,
    trust,
    visible,
)

A, B = noise("a", 50_000), noise("b", 50_000)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle of two items of the same size, signed by `sender`."""
    folder = tmp_path_factory.mktemp("sound")
    bundle(folder / "out", [source(folder / "in", "a", A), source(folder / "in", "b", B)])
    return folder / "out"


@pytest.fixture
def out(tmp_path: Path, sound: Path) -> Path:
    """A copy of it, to be tampered with."""
    return shutil.copytree(sound, tmp_path / "out")


@pytest.fixture
def space(tmp_path: Path) -> Workspace:
    return place(tmp_path / "closed")


def refused(space: Workspace, out: Path, match: str) -> ColdforgeError:
    """Receive; nothing may come of it but one line, and one of what to do."""
    with pytest.raises(ColdforgeError, match=match) as caught:
        receive(space, out)
    assert caught.value.exit_code in (3, 4)
    assert caught.value.hint
    text = caught.value.message + caught.value.hint
    assert text.isprintable()
    assert len(text) < 1000
    assert visible(space) == set()
    return caught.value


def document(out: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((out / "index.json").read_bytes())
    return made


def test_the_bundle_is_sound_as_it_is(out: Path, space: Workspace) -> None:
    assert receive(space, out).taken == 2


# What anybody can do who has the disk in hand.


def swapped(out: Path) -> None:
    path = out / "volume-001.cfv"
    data = path.read_bytes()
    path.write_bytes(B + A + data[100_000:])


def zeroed(out: Path) -> None:
    (out / "volume-001.cfv").write_bytes(b"")


def truncated(out: Path) -> None:
    os.truncate(out / "volume-001.cfv", 20_000)


def renumbered(out: Path) -> None:
    path = out / "volume-001.cfv"
    other = trailer("data", 2**31, 100_000, *(beside(out, name) for name in SIGNED))
    path.write_bytes(path.read_bytes()[:100_000] + other)
    path.rename(out / "other.cfv")


def foreign(out: Path) -> None:
    path = out / "volume-001.cfv"
    other = trailer("data", 1, 100_000, b'{"of":"another"}', beside(out, "signatures.json"))
    path.write_bytes(path.read_bytes()[:100_000] + other)


SIGNED = ("index.json", "signatures.json")


def beside(out: Path, name: str) -> bytes:
    return (out / name).read_bytes()


@pytest.mark.parametrize("harm", [swapped, zeroed, truncated, renumbered, foreign])
def test_a_volume_that_is_not_right_is_named(
    out: Path, space: Workspace, harm: Callable[[Path], None]
) -> None:
    harm(out)
    error = refused(space, out, r"2 items \(100\.0 kB\) are still missing: a, b")
    assert "bring volume-001.cfv" in error.hint


@pytest.mark.parametrize("name", ["volume-001.cfv", "index.json", "signatures.json"])
def test_a_link_is_refused(out: Path, space: Workspace, name: str) -> None:
    (out / name).rename(out / "elsewhere")
    (out / name).symlink_to(out / "elsewhere")
    refused(space, out, f"'{name}' is a link; a bundle has none")


@pytest.mark.parametrize("name", ["volume-002.cfv", "index.json"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_plain_file_is_refused(
    out: Path, space: Workspace, name: str, make: Callable[[Path], None]
) -> None:
    (out / name).unlink(missing_ok=True)
    make(out / name)
    refused(space, out, f"'{name}' is no plain file")


def test_an_edited_index_does_not_fit_its_signature(out: Path, space: Workspace) -> None:
    index = beside(out, "index.json").replace(b'"demo"', b'"dem0"')
    seal_again(out, index, signatures=beside(out, "signatures.json"))
    refused(space, out, "does not fit the signature of sender: one was changed")


def test_an_edited_signature_is_refused(out: Path, space: Workspace) -> None:
    signed = json.loads(beside(out, "signatures.json"))
    (one,) = signed["signatures"]
    one["sig"] = one["sig"][::-1].lstrip("=") + "=="
    seal_again(out, beside(out, "index.json"), signatures=canonical_json(signed))
    refused(space, out, "does not fit the signature of sender")


def test_an_edited_copy_of_the_index_is_passed_over(out: Path, space: Workspace) -> None:
    (out / "index.json").write_bytes(b'{"edited":true}')
    assert receive(space, out).taken == 2


def test_an_unknown_key_is_refused(out: Path, space: Workspace) -> None:
    seal_again(out, beside(out, "index.json"), "stranger")
    refused(space, out, "signed by no key trusted here, but by SHA256:")


def test_no_signature_is_refused(out: Path, space: Workspace) -> None:
    seal_again(out, beside(out, "index.json"))
    refused(space, out, "the bundle's index is not signed")


def test_one_key_that_signs_twice_counts_once(out: Path, tmp_path: Path) -> None:
    space = place(tmp_path / "strict", trust("sender", "second", threshold=2))
    seal_again(out, beside(out, "index.json"), "sender", "sender", "stranger")
    refused(space, out, "has 1 of the 2 signatures needed here")


def test_a_site_that_trusts_nobody_takes_nothing(out: Path, space: Workspace) -> None:
    space.trust.unlink()
    refused(space, out, "this site trusts no key yet")


def test_a_replayed_bundle_is_refused(out: Path, tmp_path: Path, space: Workspace) -> None:
    bundle(tmp_path / "newer", sources(tmp_path / "more"), serial=SERIAL + 1)
    receive(space, tmp_path / "newer")
    before = visible(space)
    with pytest.raises(ColdforgeError, match="the one received last of 2023") as caught:
        receive(space, out)
    assert caught.value.exit_code == 4
    assert visible(space) == before


def test_an_index_that_unpacks_without_end_is_not_unpacked(out: Path, space: Workspace) -> None:
    packer = zlib.compressobj(1)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
    footer = FOOTER.pack(MAGIC, b"data", 1, 0, len(bomb), 0, bytes(32))
    (out / "volume-001.cfv").write_bytes(bomb + footer)
    for name in SIGNED:
        (out / name).unlink()
    refused(space, out, "no index of a bundle is here")


@pytest.mark.parametrize("data", [b"[" * 1_000_000, b'{"signatures":' * 50_000, b"\xff", b"{}"])
def test_signatures_without_sense_are_refused(out: Path, space: Workspace, data: bytes) -> None:
    seal_again(out, beside(out, "index.json"), signatures=data)
    refused(space, out, "signatures.json is")


# What only a sender can do whose key is trusted here.


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


@pytest.mark.parametrize("times", [2, 2000])
def test_what_unpacks_to_more_than_it_says_is_stopped_there(
    tmp_path: Path, space: Workspace, times: int
) -> None:
    bomb = zstandard.compress(bytes(100_000)) * times
    item = source(tmp_path / "in", "bomb", bytes(100_000), bomb, encoding="zstd")
    bundle(tmp_path / "out", [item])
    refused(space, tmp_path / "out", "bomb is not what the index says")
    assert not list((space.mirror / "blobs" / "partial").iterdir())


def test_an_image_that_is_no_manifest_gets_no_name(tmp_path: Path, space: Workspace) -> None:
    for number, data in enumerate(
        (b"[]", b"{}", b"\xff", b'{"config":1,"layers":2}', b"[" * 90_000)
    ):
        item = source(tmp_path / "in", "manifest", data, store="layout")
        tag = {"mediaType": "a", "digest": f"sha256:{item.sha256}", "size": item.size}
        out = tmp_path / f"out {number}"
        bundle(out, [item], kind="install", tags={"demo": tag}, serial=SERIAL + number)
        with pytest.raises(ColdforgeError, match="demo") as caught:
            receive(space, out)
        assert not isinstance(caught.value, MissingInputError)
        assert caught.value.exit_code == 4
