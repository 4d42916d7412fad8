from pathlib import Path

import pytest

from coldforge.bundle.format.index import Index, Volume
from coldforge.bundle.packing.journal import NAME, Journal, begin, check_usable, finish
from coldforge.bundle.packing.layout import arrange
from coldforge.errors import ColdforgeError
from tests.bundle.bundles import contents_of
from tests.synced import record_syncs


@pytest.fixture
def plan(tmp_path: Path) -> Index:
    return arrange(contents_of(tmp_path / "in", {"a": b"content"}), 0, 0.0, 0)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def test_what_was_finished_is_known_by_the_next_run(out: Path, plan: Index) -> None:
    journal = begin(out, plan, [])
    assert journal
    journal.volumes.append(Volume(7, "a" * 64, ""))
    journal.write(out)
    assert begin(out, plan, []) == journal
    finish(out)
    assert list(out.iterdir()) == []


def test_another_plan_and_other_keys_are_refused(out: Path, plan: Index, tmp_path: Path) -> None:
    begin(out, plan, [])
    other = arrange(contents_of(tmp_path / "in", {"b": b"other"}), 0, 0.0, 0)
    for index, keys in ((plan, ["key"]), (other, [])):
        with pytest.raises(ColdforgeError, match="the beginning of another bundle"):
            begin(out, index, keys)


def test_a_journal_that_cannot_be_read_is_named(out: Path, plan: Index) -> None:
    (out / NAME).write_bytes(b"{")
    with pytest.raises(ColdforgeError, match=r"\.plan\.json"):
        begin(out, plan, [])


def test_hidden_files_of_a_disk_do_not_matter_and_others_do(out: Path) -> None:
    (out / "lost+found").mkdir()
    (out / ".Trash").mkdir()
    check_usable(out)
    (out / "note.txt").touch()
    with pytest.raises(ColdforgeError, match=r"note\.txt"):
        check_usable(out)


def test_it_is_on_disk_when_it_is_written_and_gone_when_it_ends(
    out: Path, plan: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = record_syncs(monkeypatch)
    Journal("plan", plan.serial).write(out)
    assert events == [f"sync {NAME}.part", f"rename {NAME}", "sync out"]
    events.clear()
    finish(out)
    assert events == ["sync out"]
