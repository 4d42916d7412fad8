import hashlib
import os
from pathlib import Path

import pytest

from coldforge.bootstrap import folder
from coldforge.bootstrap.folder import FoundVolume, scan
from coldforge.bundle.format.volume import trailer
from coldforge.errors import MissingInputError, RefusedError

INDEX, SIGNED = b'{"index": 1}', b'{"signatures": []}'
BUNDLE = hashlib.sha256(INDEX).hexdigest()


def put(place: Path, name: str, number: int = 1, index: bytes = INDEX, cut: int = 0) -> Path:
    data = b"payload" + trailer("data", number, 7, index, SIGNED)
    path = place / name
    path.write_bytes(data[: len(data) - cut])
    return path


def test_volumes_tell_what_they_are_whatever_their_names(tmp_path: Path) -> None:
    path = put(tmp_path, "copy of it.cfv", number=3)
    found = scan(tmp_path)
    assert found.volumes == [FoundVolume(path, "data", 3, BUNDLE)]
    assert found.copies[BUNDLE] == (INDEX, [SIGNED])


def test_a_name_helps_where_the_end_is_damaged(tmp_path: Path) -> None:
    path = put(tmp_path, "parity-012.cfv", cut=1)
    put(tmp_path, "unknown.cfv", cut=1)
    assert scan(tmp_path) == ({}, [FoundVolume(path, "parity", 12, "")])


def test_a_damaged_index_beside_the_volumes_does_not_hide_theirs(tmp_path: Path) -> None:
    put(tmp_path, "volume-001.cfv")
    (tmp_path / "index.json").write_bytes(INDEX.replace(b"1", b"2"))
    (tmp_path / "signatures.json").write_bytes(b"other")
    found = scan(tmp_path)
    assert found.copies[BUNDLE] == (INDEX, [SIGNED])


def test_each_different_copy_of_the_signatures_is_kept_once(tmp_path: Path) -> None:
    put(tmp_path, "volume-001.cfv")
    put(tmp_path, "volume-002.cfv")
    (tmp_path / "index.json").write_bytes(INDEX)
    (tmp_path / "signatures.json").write_bytes(b"newer")
    assert scan(tmp_path).copies == {BUNDLE: (INDEX, [b"newer", SIGNED])}


@pytest.mark.parametrize("name", ["index.json", "signatures.json", "volume-001.cfv"])
def test_a_link_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "index.json").write_bytes(INDEX)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).symlink_to("/etc/hostname")
    with pytest.raises(RefusedError, match=f"'{name}' is a link"):
        scan(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "volume-001.cfv")
    with pytest.raises(RefusedError, match="not a regular file"):
        scan(tmp_path)


def test_other_names_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "note.txt").symlink_to("/etc/hostname")
    assert scan(tmp_path) == ({}, [])


def test_a_name_cannot_write_on_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "\x1b[2J.cfv").symlink_to("x")
    with pytest.raises(RefusedError) as caught:
        scan(tmp_path)
    assert caught.value.message.isprintable()


def test_no_folder_is_exit_code_3(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        scan(tmp_path / "none")


def test_a_file_whose_end_lies_may_still_be_what_its_name_says(tmp_path: Path) -> None:
    path = tmp_path / "volume-002.cfv"
    assert FoundVolume(path, "data", 9, "lie").candidates("it", {"it"}) == {
        ("data", 9),
        ("data", 2),
    }
    assert FoundVolume(path, "data", 9, "other").candidates("it", {"it", "other"}) == set()


def test_the_limit_of_files_is_that_of_every_release() -> None:
    assert folder.MAX_FILES == 100_000


def test_a_folder_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "MAX_FILES", 3)
    for name in "abc":
        (tmp_path / name).touch()
    assert scan(tmp_path) == ({}, [])
    (tmp_path / "d").touch()
    with pytest.raises(RefusedError, match="4 files"):
        scan(tmp_path)


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
def test_an_index_beside_the_volumes_is_read_up_to_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, fits: bool
) -> None:
    monkeypatch.setattr(folder, "MAX_INDEX", 1000)
    (tmp_path / "index.json").write_bytes(bytes(size))
    assert len(scan(tmp_path).copies) == fits


@pytest.mark.parametrize(("size", "fits"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_signatures_beside_the_volumes_are_read_up_to_a_mebibyte(
    tmp_path: Path, size: int, fits: bool
) -> None:
    (tmp_path / "index.json").write_bytes(INDEX)
    (tmp_path / "signatures.json").write_bytes(bytes(size))
    assert len(scan(tmp_path).copies[BUNDLE].signatures) == fits


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("volume-01.cfv", None),
        ("volume-001.cfv", 1),
        ("volume-999999.cfv", 999_999),
        ("volume-1000000.cfv", None),
        ("volume-000.cfv", None),
    ],
)
def test_a_number_has_three_to_six_digits(tmp_path: Path, name: str, number: int | None) -> None:
    put(tmp_path, name, cut=1)
    assert [volume.number for volume in scan(tmp_path).volumes] == ([number] if number else [])
