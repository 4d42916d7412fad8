import json
import multiprocessing
from pathlib import Path

from coldforge.image.oci.index import REF, name_of, read_index, updated, write_index


def entry(digest: str, name: str = "") -> dict[str, object]:
    return {"digest": digest} | ({"annotations": {REF: name}} if name else {})


def add_many(root: Path, who: int) -> None:
    for number in range(25):
        with updated(root) as entries:
            entries.append(entry(f"sha256:{who}-{number}"))


def test_writers_at_the_same_time_lose_no_entry(tmp_path: Path) -> None:
    root = tmp_path / "oci"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=add_many, args=(root, who)) for who in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert len(read_index(root)) == len({item["digest"] for item in read_index(root)}) == 100
    assert json.loads((root / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


def test_names_come_first_and_the_rest_by_digest(tmp_path: Path) -> None:
    write_index(tmp_path, [entry("9"), entry("1"), entry("5", "b"), entry("7", "a")])
    assert [item["digest"] for item in read_index(tmp_path)] == ["7", "5", "1", "9"]


def test_a_change_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    write_index(tmp_path, [entry("1", "a")])
    before = (tmp_path / "index.json").stat().st_ino
    with updated(tmp_path):
        pass
    assert (tmp_path / "index.json").stat().st_ino == before


def test_an_entry_of_another_tool_has_no_name() -> None:
    assert [name_of({}), name_of({"annotations": None}), name_of({"annotations": {"a": "b"}})] == [
        "",
        "",
        "",
    ]
