import os
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.files.output import (
    CARD,
    WORK,
    read_card,
    resumable,
    staged,
    whole,
    write_card,
)


def fill(folder: Path, text: str) -> None:
    (folder / "data").write_text(text)
    write_card(folder, "thing", {"text": text})


def test_what_succeeds_is_in_place_and_alone(tmp_path: Path) -> None:
    with whole(tmp_path / "deep" / "out", "thing") as part:
        fill(part, "one")
        assert not (tmp_path / "deep" / "out").exists()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert read_card(tmp_path / "deep" / "out") == {"kind": "thing", "text": "one"}


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    with whole(tmp_path / "out", "thing") as part:
        fill(part, "one")
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "out", "thing") as part:
        fill(part, "two")
        raise ZeroDivisionError
    assert (tmp_path / "out" / "data").read_text() == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_earlier_result_of_the_same_kind_is_replaced(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with whole(tmp_path / "out", "thing") as part:
            fill(part, text)
    assert (tmp_path / "out" / "data").read_text() == "two"


def test_leftovers_of_a_killed_run_do_not_get_in(tmp_path: Path) -> None:
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "half").touch()
    with whole(tmp_path / "out", "thing") as part:
        fill(part, "one")
    assert not (tmp_path / "out" / "half").exists()


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with whole(tmp_path / "out", "thing") as part:
        fill(part, "one")
    assert (tmp_path / "out" / "data").exists()


@pytest.mark.parametrize("name", ["thesis.txt", CARD])
def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text('{"kind": "other"}')
    with (
        pytest.raises(ColdforgeError, match="not made as a thing"),
        whole(tmp_path / "out", "thing"),
    ):
        pass
    assert (tmp_path / "out" / name).exists()


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(ColdforgeError, match="not a directory"), whole(tmp_path / "out", "thing"):
        pass


def test_files_get_the_mode_the_umask_asks_for(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with whole(tmp_path / "out", "thing") as part:
            fill(part, "one")
            (part / "data").chmod(0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "out" / "data").stat().st_mode & 0o777 == 0o640


def test_what_someone_else_made_is_put_in_place(tmp_path: Path) -> None:
    with staged(tmp_path / "out", "thing") as place:
        place.mkdir()
        fill(place, "one")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [CARD, "data"]


def test_nothing_made_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ColdforgeError, match="was not made"), staged(tmp_path / "out", "thing"):
        pass
    assert not list(tmp_path.iterdir())


def test_what_a_resumable_run_left_is_there_for_the_same_job(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ZeroDivisionError), resumable(out, "thing", "job") as part:
        (part / "done").write_text("1")
        raise ZeroDivisionError
    with resumable(out, "thing", "job") as part:
        assert (part / "done").read_text() == "1"
    assert (out / "done").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_another_job_starts_with_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ZeroDivisionError), resumable(out, "thing", "job") as part:
        (part / "done").write_text("1")
        (part / WORK).mkdir()
        raise ZeroDivisionError
    with resumable(out, "thing", "another") as part:
        assert [path.name for path in part.iterdir()] == ["job"]


def test_what_is_needed_to_go_on_does_not_get_in(tmp_path: Path) -> None:
    with resumable(tmp_path / "out", "thing", "job") as part:
        (part / WORK).mkdir()
        (part / "weights").write_text("1")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["weights"]


def test_what_is_killed_in_another_place_stays_for_the_next_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with (
        pytest.raises(ZeroDivisionError),
        staged(out, "thing") as place,
        resumable(place, "thing", "job") as part,
    ):
        (part / "done").write_text("1")
        raise ZeroDivisionError
    with staged(out, "thing") as place, resumable(place, "thing", "job") as part:
        assert (part / "done").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
