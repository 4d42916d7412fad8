from pathlib import Path

import pytest

from coldforge.bundle.inspect import inspect
from coldforge.bundle.packing.pack import pack
from coldforge.errors import ColdforgeError, MissingInputError
from coldforge.paths import Workspace
from tests.bundle.bundles import contents, make_items, private_key, site


def a_bundle(tmp_path: Path, out: str = "out", **other: object) -> Path:
    items = contents(make_items(tmp_path / "in", 8, 100_000), **other)
    pack(tmp_path / out, items, 250_000, 0.3, [private_key("sender")])
    return tmp_path / out


def test_it_says_what_is_in_it_and_where(tmp_path: Path) -> None:
    seen = inspect(site(tmp_path / "here"), a_bundle(tmp_path))
    assert (seen.kind, seen.stack, seen.trusted, seen.why) == ("build", "demo", True, "")
    assert [item.name for item in seen.items] == [f"item {n}" for n in range(8)]
    assert sum(item.encoded for item in seen.items) == sum(
        file.size for file in seen.volumes if file.name.startswith("volume")
    )
    assert {number for item in seen.items for number in item.volumes} == {1, 2, 3}
    assert all(file.present for file in seen.volumes)
    assert 0.2 < seen.parity < 0.4


def test_a_missing_volume_is_told(tmp_path: Path) -> None:
    out = a_bundle(tmp_path)
    (out / "volume-002.cfv").unlink()
    seen = inspect(site(tmp_path / "here"), out)
    assert [file.name for file in seen.volumes if not file.present] == ["volume-002.cfv"]


def test_a_volume_that_was_damaged_on_the_way_is_told(tmp_path: Path) -> None:
    out = a_bundle(tmp_path)
    with (out / "volume-002.cfv").open("r+b") as stream:
        stream.seek(1000)
        stream.write(b"\0\0\0\0")
    (out / "volume-003.cfv").unlink()
    seen = inspect(site(tmp_path / "here"), out, verify=True)
    assert [file.right for file in seen.volumes if "volume" in file.name] == [True, False, None]
    assert all(file.right for file in seen.volumes if "parity" in file.name)


def test_a_volume_alone_tells_all(tmp_path: Path) -> None:
    out = a_bundle(tmp_path)
    alone = tmp_path / "alone"
    alone.mkdir()
    (out / "parity-001.cfv").rename(alone / "parity-001.cfv")
    seen = inspect(site(tmp_path / "here"), alone)
    assert seen.trusted
    assert [file.name for file in seen.volumes if file.present] == ["parity-001.cfv"]


def test_a_key_that_nobody_trusts_is_told(tmp_path: Path) -> None:
    from tests.bundle.bundles import trust

    seen = inspect(site(tmp_path / "here", trust("another")), a_bundle(tmp_path))
    assert seen.trusted is False
    assert seen.why


def test_without_a_trust_file_nothing_is_said_of_trust(tmp_path: Path) -> None:
    seen = inspect(Workspace(tmp_path / "nowhere"), a_bundle(tmp_path))
    assert seen.trusted is None


def test_an_empty_folder_and_two_bundles_in_one_are_refused(tmp_path: Path) -> None:
    here = site(tmp_path / "here")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInputError, match="no readable index"):
        inspect(here, tmp_path / "empty")
    one, two = a_bundle(tmp_path), a_bundle(tmp_path, "two", stack="another")
    (two / "volume-001.cfv").replace(one / "volume-001.cfv")
    with pytest.raises(ColdforgeError, match="2 bundles"):
        inspect(here, one)
