import os
from pathlib import Path

import pytest

from coldforge.files.atomic import sync_folder, write_at, write_file


def test_a_file_appears_whole_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    write_file(tmp_path / "a", b"first, and longer")
    write_file(tmp_path / "a", b"second")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"second"


def test_bytes_that_are_there_are_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"0123456789")
    file = os.open(tmp_path / "a", os.O_RDWR)
    written = []
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda *a: written.append(a[2]) or real(*a))
    write_at(file, b"345", 3)
    assert written == []
    write_at(file, b"xyz", 9)
    os.close(file)
    assert written == [9]
    assert (tmp_path / "a").read_bytes() == b"012345678xyz"


def test_a_write_that_stops_halfway_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = os.open(tmp_path / "a", os.O_RDWR | os.O_CREAT)
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: real(file, bytes(data[:2]), at))
    write_at(file, b"abcde", 0)
    os.close(file)
    assert (tmp_path / "a").read_bytes() == b"abcde"


def test_a_disk_that_cannot_sync_folders_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fsync)
    sync_folder(tmp_path)
