from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.files.jsonlines import appending, read_lines
from tests.synced import record_syncs

ITEMS = [{"n": 1, "text": "a\nb"}, {"n": 2, "text": "é\u2028"}, {"n": 3, "text": ""}]


def write(path: Path, items: list[dict[str, object]]) -> None:
    with appending(path) as lines:
        for item in items:
            lines.add(item)


def test_what_was_added_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.jsonl"
    assert read_lines(path) == []
    write(path, ITEMS[:1])
    write(path, ITEMS[1:])
    assert read_lines(path) == ITEMS


@given(cut=st.integers(min_value=0))
def test_a_file_cut_anywhere_keeps_its_whole_lines_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / "file.jsonl"
    write(path, ITEMS)
    data = path.read_bytes()
    path.write_bytes(data[: cut % (len(data) + 1)])
    kept = read_lines(path)
    assert kept == ITEMS[: data[: cut % (len(data) + 1)].count(b"\n")]
    write(path, ITEMS[len(kept) :])
    assert path.read_bytes() == data


@pytest.mark.parametrize("line", ["{", "[]", "3", ""])
def test_a_whole_line_that_is_no_object_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "file").write_text(f'{{"n": 1}}\n{line}\n{{"n": 2}}\n', "utf-8")
    with pytest.raises(ColdforgeError, match="line 2 is not a JSON object"):
        read_lines(tmp_path / "file")


def test_a_line_is_on_disk_when_it_was_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = record_syncs(monkeypatch)
    with appending(tmp_path / "file.jsonl") as lines:
        lines.add({"n": 1})
        assert events == ["sync file.jsonl"]
        assert read_lines(tmp_path / "file.jsonl") == [{"n": 1}]
