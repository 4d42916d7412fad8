import os
from multiprocessing import Process
from pathlib import Path

import pytest

from coldforge.files.atomic import (
    part_of,
    publish,
    publish_folder,
    sync_folder,
    write_at,
    write_file,
)
from tests.synced import record_syncs


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


def write_often(path: Path, byte: bytes) -> None:
    for _ in range(100):
        write_file(path, byte * 10_000)


def test_writers_of_one_file_at_the_same_time_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file(path, b"x" * 10_000)
    writers = [Process(target=write_often, args=(path, byte)) for byte in (b"a", b"b", b"c")]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        data = path.read_bytes()
        assert len(data) == 10_000
        assert len(set(data)) == 1
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_the_bytes_are_on_disk_before_the_name_and_the_name_before_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = record_syncs(monkeypatch)
    write_file(tmp_path / "a", b"data")
    assert events == ["sync a.part", "rename a", f"sync {tmp_path.name}"]


def test_what_a_killed_run_left_longer_does_not_show(tmp_path: Path) -> None:
    part_of(tmp_path / "a").write_bytes(b"much longer than the data")
    write_file(tmp_path / "a", b"data")
    assert (tmp_path / "a").read_bytes() == b"data"


@pytest.mark.parametrize(("mode", "wanted"), [(0o600, 0o600), (None, 0o640)])
def test_a_mode_is_kept_and_without_one_the_umask_decides(
    tmp_path: Path, mode: int | None, wanted: int
) -> None:
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "a", b"data", mode)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == wanted


def test_a_folder_is_on_disk_with_all_below_it_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = tmp_path / "part"
    (part / "deep").mkdir(parents=True)
    (part / "deep" / "a").write_bytes(b"a")
    (part / "link").symlink_to("nowhere")
    events = record_syncs(monkeypatch)
    publish_folder(part, tmp_path / "whole")
    assert (tmp_path / "whole" / "deep" / "a").read_bytes() == b"a"
    assert set(events[:-2]) == {"sync part", "sync deep", "sync a"}
    assert events[-2:] == ["rename whole", f"sync {tmp_path.name}"]


def test_what_is_published_is_on_disk_before_its_name_and_its_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "part").write_bytes(b"data")
    events = record_syncs(monkeypatch)
    publish(tmp_path / "part", tmp_path / "whole")
    assert events == ["sync part", "rename whole", f"sync {tmp_path.name}"]


def test_all_bytes_are_in_the_file_when_it_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: sizes.append(os.fstat(handle).st_size))
    write_file(tmp_path / "a", b"data")
    assert sizes[0] == len(b"data")
