from pathlib import Path

import pytest

from coldforge.host import facts
from coldforge.paths import Workspace
from coldforge.stack.lock import Lock, Release
from coldforge.stack.stack import Stack, read_stack

EPOCH = 1735689600.0


@pytest.fixture
def stack(workspace: Workspace) -> Stack:
    return read_stack(workspace, "tiny")


def lock_of(date: str) -> Lock:
    return Lock(1, "tiny", {}, [Release("bookworm", "12", date, "0" * 64)], [])


def test_the_newest_date_is_the_epoch_without_a_lock(stack: Stack) -> None:
    assert facts.newest(stack, None) == EPOCH


def test_the_newest_date_is_that_of_a_locked_release(stack: Stack) -> None:
    date = "Sat, 09 Aug 2025 09:17:37 UTC"
    assert facts.newest(stack, lock_of(date)) == 1754731057.0


def test_a_date_that_is_none_is_passed_over(stack: Stack) -> None:
    assert facts.newest(stack, lock_of("once upon a time")) == EPOCH


def test_a_system_tells_its_name_and_families(tmp_path: Path) -> None:
    path = tmp_path / "os-release"
    path.write_text('PRETTY_NAME="Ubuntu 24.04"\nID=ubuntu\nID_LIKE="debian"\n', "utf-8")
    assert facts.read_os_release(path) == ("Ubuntu 24.04", "ubuntu debian")


def test_a_system_without_a_name_has_no_family(tmp_path: Path) -> None:
    name, family = facts.read_os_release(tmp_path / "none")
    assert name
    assert family == ""


def test_checkout_and_engine_on_one_disk_are_one_row(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    assert list(facts.free_space(tmp_path, tmp_path / "engine")) == ["checkout and engine"]


def test_an_engine_whose_folder_is_elsewhere_is_left_out(tmp_path: Path) -> None:
    assert list(facts.free_space(tmp_path, tmp_path / "on another machine")) == ["checkout"]


def test_cudnn_is_found_on_the_library_path(tmp_path: Path) -> None:
    library = tmp_path / "libcudnn.so.9"
    library.touch()
    assert facts.find_cudnn(f"::{tmp_path / 'none'}:{tmp_path}") == str(library)
