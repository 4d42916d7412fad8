from pathlib import Path

import pytest

from coldforge.bootstrap.folder import Copies
from coldforge.bootstrap.items import keep_index, keep_shards, open_staged
from tests.synced import record_syncs


def test_what_was_kept_is_found_at_its_place(tmp_path: Path) -> None:
    keep_shards(tmp_path / "staging", ("data", 2), [(0, b"first"), (9, b"later")])
    keep_shards(tmp_path / "staging", ("data", 2), [(5, b"more")])
    ((place, stream),) = open_staged(tmp_path / "staging")
    with stream:
        assert (place, stream.read()) == (("data", 2), b"firstmorelater")


def test_kept_shards_are_on_disk_when_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = record_syncs(monkeypatch)
    keep_shards(tmp_path / "staging", ("parity", 1), [(0, b"shard")])
    assert events == ["sync parity-001"]


def test_the_first_index_is_kept_and_no_signatures_are_none(tmp_path: Path) -> None:
    keep_index(tmp_path, Copies(b"index", []))
    assert [path.name for path in tmp_path.iterdir()] == ["index.json"]
    keep_index(tmp_path, Copies(b"other", [b"one", b"two"]))
    assert (tmp_path / "index.json").read_bytes() == b"index"
    assert (tmp_path / "signatures.json").read_bytes() == b"one"


def test_strange_names_are_not_opened(tmp_path: Path) -> None:
    for name in ("data-01", "data-1234567", "other-001", "index.json"):
        (tmp_path / name).touch()
    assert list(open_staged(tmp_path)) == []
    assert list(open_staged(tmp_path / "none")) == []
