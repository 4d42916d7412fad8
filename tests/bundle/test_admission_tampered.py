"""What a hostile courier, or a hostile sender with a trusted key, may bring: all of it refused."""

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from coldforge.bundle.format.volume import FOOTER, MAGIC, trailer
from coldforge.bundle.receiving.receive import receive
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.files.digest import canonical_json
from coldforge.paths import Workspace
from tests.bundle.bundles import (
    SERIAL,
    bundle,
    make_item,
    make_items,
    replace_index,
    site,
    trust,
    visible_blobs,
)
from tests.bundle.tampering import SIGNED, A, B, read_file, refused


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
    other = trailer("data", 2**31, 100_000, *(read_file(out, name) for name in SIGNED))
    path.write_bytes(path.read_bytes()[:100_000] + other)
    path.rename(out / "other.cfv")


def foreign(out: Path) -> None:
    path = out / "volume-001.cfv"
    other = trailer("data", 1, 100_000, b'{"of":"another"}', read_file(out, "signatures.json"))
    path.write_bytes(path.read_bytes()[:100_000] + other)


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
    refused(space, out, f"'{name}' is a link, not a file")


@pytest.mark.parametrize("name", ["volume-002.cfv", "index.json"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_plain_file_is_refused(
    out: Path, space: Workspace, name: str, make: Callable[[Path], None]
) -> None:
    (out / name).unlink(missing_ok=True)
    make(out / name)
    refused(space, out, f"'{name}' is not a regular file")


def test_an_edited_index_does_not_fit_its_signature(out: Path, space: Workspace) -> None:
    index = read_file(out, "index.json").replace(b'"demo"', b'"dem0"')
    replace_index(out, index, signatures=read_file(out, "signatures.json"))
    refused(space, out, "does not match the signature of sender: one was changed")


def test_an_edited_signature_is_refused(out: Path, space: Workspace) -> None:
    signed = json.loads(read_file(out, "signatures.json"))
    (one,) = signed["signatures"]
    one["sig"] = one["sig"][::-1].lstrip("=") + "=="
    replace_index(out, read_file(out, "index.json"), signatures=canonical_json(signed))
    refused(space, out, "does not match the signature of sender")


def test_an_edited_copy_of_the_index_is_passed_over(out: Path, space: Workspace) -> None:
    (out / "index.json").write_bytes(b'{"edited":true}')
    assert receive(space, out).taken == 2


def test_an_unknown_key_is_refused(out: Path, space: Workspace) -> None:
    replace_index(out, read_file(out, "index.json"), "stranger")
    refused(space, out, "signed by no key trusted here, but by SHA256:")


def test_no_signature_is_refused(out: Path, space: Workspace) -> None:
    replace_index(out, read_file(out, "index.json"))
    refused(space, out, "the bundle's index is not signed")


def test_one_key_that_signs_twice_counts_once(out: Path, tmp_path: Path) -> None:
    space = site(tmp_path / "strict", trust("sender", "second", threshold=2))
    replace_index(out, read_file(out, "index.json"), "sender", "sender", "stranger")
    refused(space, out, "has 1 of the 2 signatures needed here")


def test_a_site_that_trusts_nobody_takes_nothing(out: Path, space: Workspace) -> None:
    space.trust.unlink()
    refused(space, out, "this site trusts no key yet")


def test_a_replayed_bundle_is_refused(out: Path, tmp_path: Path, space: Workspace) -> None:
    bundle(tmp_path / "newer", make_items(tmp_path / "more"), serial=SERIAL + 1)
    receive(space, tmp_path / "newer")
    before = visible_blobs(space)
    with pytest.raises(ColdforgeError, match="the newest received at 2023") as caught:
        receive(space, out)
    assert caught.value.exit_code == 4
    assert visible_blobs(space) == before


def test_an_index_that_unpacks_without_end_is_not_unpacked(out: Path, space: Workspace) -> None:
    packer = zlib.compressobj(1)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(300)) + packer.flush()
    footer = FOOTER.pack(MAGIC, b"data", 1, 0, len(bomb), 0, bytes(32))
    (out / "volume-001.cfv").write_bytes(bomb + footer)
    for name in SIGNED:
        (out / name).unlink()
    refused(space, out, "no readable index of a bundle")


@pytest.mark.parametrize("data", [b"[" * 1_000_000, b'{"signatures":' * 50_000, b"\xff", b"{}"])
def test_signatures_without_sense_are_refused(out: Path, space: Workspace, data: bytes) -> None:
    replace_index(out, read_file(out, "index.json"), signatures=data)
    refused(space, out, "signatures.json is")


# What only a sender can do whose key is trusted here.


@pytest.mark.parametrize("times", [2, 2000])
def test_what_unpacks_to_more_than_it_says_is_stopped_there(
    tmp_path: Path, space: Workspace, times: int
) -> None:
    bomb = zstandard.compress(bytes(100_000)) * times
    item = make_item(tmp_path / "in", "bomb", bytes(100_000), bomb, encoding="zstd")
    bundle(tmp_path / "out", [item])
    refused(space, tmp_path / "out", "bomb does not match the index")
    assert not list((space.mirror / "blobs" / "partial").iterdir())


def test_an_image_that_is_no_manifest_gets_no_name(tmp_path: Path, space: Workspace) -> None:
    for number, data in enumerate(
        (b"[]", b"{}", b"\xff", b'{"config":1,"layers":2}', b"[" * 90_000)
    ):
        item = make_item(tmp_path / "in", "manifest", data, store="layout")
        tag = {"mediaType": "a", "digest": f"sha256:{item.sha256}", "size": item.size}
        out = tmp_path / f"out {number}"
        bundle(out, [item], kind="install", tags={"demo": tag}, serial=SERIAL + number)
        with pytest.raises(ColdforgeError, match="demo") as caught:
            receive(space, out)
        assert not isinstance(caught.value, MissingInputError)
        assert caught.value.exit_code == 4
