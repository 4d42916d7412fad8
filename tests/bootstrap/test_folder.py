import hashlib
import os
from pathlib import Path

import pytest

from coldforge.bootstrap.folder import Volume, scan
from coldforge.bundle.format.volume import trailer
from coldforge.errors import MissingInputError, RefusedError

INDEX, SIGNED = b'{"index": 1}', b'{"signatures": []}'
BUNDLE = hashlib.sha256(INDEX).hexdigest()


def put(folder: Path, name: str, number: int = 1, index: bytes = INDEX, cut: int = 0) -> Path:
    data = b"payload" + trailer("data", number, 7, index, SIGNED)
    path = folder / name
    path.write_bytes(data[: len(data) - cut])
    return path


def test_volumes_tell_what_they_are_whatever_their_names(tmp_path: Path) -> None:
    path = put(tmp_path, "copy of it.cfv", number=3)
    found = scan(tmp_path)
    assert found.volumes == [Volume(path, "data", 3, BUNDLE)]
    assert found.copies[BUNDLE] == (INDEX, [SIGNED])


def test_a_name_helps_where_the_end_is_damaged(tmp_path: Path) -> None:
    path = put(tmp_path, "parity-012.cfv", cut=1)
    put(tmp_path, "unknown.cfv", cut=1)
    assert scan(tmp_path) == ({}, [Volume(path, "parity", 12, "")])


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
    with pytest.raises(RefusedError, match="no plain file"):
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
    assert Volume(path, "data", 9, "lie").places("it", {"it"}) == {("data", 9), ("data", 2)}
    assert Volume(path, "data", 9, "other").places("it", {"it", "other"}) == set()
