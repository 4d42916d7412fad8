import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror import add as add_module
from coldforge.mirror.add import add, add_all
from coldforge.mirror.http import download
from coldforge.mirror.resolve import resolve
from coldforge.mirror.store import Store
from coldforge.paths import Workspace
from coldforge.stack.lock import Entry, read_lock, write_lock
from coldforge.stack.stack import read_stack
from tests.mirror.handmade import NAME, VERSION, checkout, elf, tensorrt, tree, wheel
from tests.mirror.handmade import packed as pack


@pytest.fixture
def space(workspace: Workspace) -> Workspace:
    return checkout(workspace)


def pins(space: Workspace) -> list[tuple[str, str, str, str]]:
    return [
        (name, entry.use, entry.name, entry.version)
        for name in ("shop", "top")
        for entry in read_lock(space.lock(name)).entries
    ]


def store(space: Workspace) -> Store:
    return Store(space.mirror / "blobs")


def leftovers(space: Workspace) -> list[Path]:
    return list((space.mirror / "blobs" / "partial").glob("*"))


def refused(space: Workspace, path: Path, stack: str = "top") -> ColdforgeError:
    before = pins(space)
    with pytest.raises(ColdforgeError) as caught:
        add(space, stack, path)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert pins(space) == before
    return caught.value


def test_a_file_is_stored_and_pinned_wherever_it_is_asked_for(
    space: Workspace, tmp_path: Path
) -> None:
    path = tensorrt(tmp_path)
    added = add(space, "top", path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (added.sha256, added.size) == (digest, path.stat().st_size)
    assert added.pinned == ["shop: compiler", "top: libraries"]
    assert store(space).path(digest).read_bytes() == path.read_bytes()
    entry = read_lock(space.lock("top")).entries[0]
    expected = Entry("libraries", "file", "tensorrt", VERSION, path.name, added.size, digest)
    assert entry == expected
    assert [pin[:2] for pin in pins(space)] == [("shop", "compiler"), ("top", "libraries")]
    assert leftovers(space) == []


def test_a_builder_may_be_served_alone(space: Workspace, tmp_path: Path) -> None:
    path = tensorrt(tmp_path)
    assert add(space, "shop", path).pinned == ["shop: compiler"]
    assert add(space, "top", path).pinned == ["top: libraries"]


def test_the_same_file_again_changes_nothing(space: Workspace, tmp_path: Path) -> None:
    path = tensorrt(tmp_path)
    first = add(space, "top", path)
    locks = [space.lock(name).read_bytes() for name in ("shop", "top")]
    again = add(space, "top", path)
    assert (again.sha256, again.pinned) == (first.sha256, [])
    assert [space.lock(name).read_bytes() for name in ("shop", "top")] == locks


def test_a_foreign_name_is_kept_under_the_publisher_s(space: Workspace, tmp_path: Path) -> None:
    added = add(space, "top", tensorrt(tmp_path, name="trt.bin"))
    assert added.path == NAME.format(version=VERSION)
    assert added.notes == [f"came as trt.bin, kept as {added.path}"]
    assert read_lock(space.lock("top")).entries[0].path == added.path


def test_a_file_that_the_lock_names_is_taken_whatever_it_is(
    space: Workspace, tmp_path: Path
) -> None:
    data = b"a library behind a pointer"
    digest = hashlib.sha256(data).hexdigest()
    lock = read_lock(space.lock("shop"))
    entry = Entry("wheel/x", "lfs", "cpp/libx.a", "1", "example/x", len(data), digest)
    write_lock(space.lock("shop"), msgspec.structs.replace(lock, entries=[entry]))
    path = tmp_path / "whatever"
    path.write_bytes(data)
    assert add(space, "top", path).pinned == []
    assert store(space).has(digest, len(data))
    assert (
        "has no known format" in refused(space, copied(path, b"other bytes of the same le")).message
    )


def copied(path: Path, data: bytes) -> Path:
    other = path.with_name("other")
    other.write_bytes(data)
    return other


def test_other_bytes_than_the_pinned_ones_are_refused_with_both_digests(
    space: Workspace, tmp_path: Path
) -> None:
    first = add(space, "top", tensorrt(tmp_path))
    other = tensorrt(tmp_path, "9.1.0.4")
    error = refused(space, other)
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    assert first.sha256[:12] in error.message
    assert digest[:12] in error.message
    assert "9.0.1.4" in error.message
    assert "9.1.0.4" in error.message
    assert "./invokew stack.lock --stack shop --update tensorrt" in error.hint
    assert "./invokew stack.lock --stack top --update tensorrt" in error.hint
    assert not store(space).path(digest).exists()


def test_a_pin_moves_on_purpose(space: Workspace, tmp_path: Path) -> None:
    add(space, "top", tensorrt(tmp_path))
    for name in ("shop", "top"):
        stack = read_stack(space, name)
        assert len(resolve(space, stack, {"*"}).entries) == 1
        write_lock(space.lock(name), resolve(space, stack, {"tensorrt"}))
    assert pins(space) == []
    add(space, "top", tensorrt(tmp_path, "9.1.0.4"))
    assert {pin[3] for pin in pins(space)} == {"9.1.0.4"}


@pytest.mark.parametrize("kind", ["directory", "empty", "nothing", "pipe"])
def test_what_is_no_file_is_refused(space: Workspace, tmp_path: Path, kind: str) -> None:
    path = tmp_path / NAME.format(version=VERSION)
    if kind == "directory":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    elif kind == "pipe":
        os.mkfifo(path)
    said = {
        "directory": "is a directory",
        "empty": "is empty",
        "nothing": "there is no file",
        "pipe": "is not a regular file",
    }
    assert said[kind] in refused(space, path).message


def test_a_refused_file_leaves_no_trace(space: Workspace, tmp_path: Path) -> None:
    refused(space, tensorrt(tmp_path, "8.6.1.6"))
    assert not (space.mirror / "blobs").exists()


def test_several_files_are_added_and_a_refusal_stops_none(
    space: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "none", tensorrt(tmp_path), tmp_path / "neither", wheel(tmp_path)]
    done, error = add_all(space, "top", files)
    assert [added.name for added in done] == ["tensorrt", "polygraphy"]
    assert error
    assert "neither" in error.message
    assert f"refused: there is no file {files[0]}" in capsys.readouterr().err


def test_a_full_disk_is_one_line_and_nothing_is_visible(
    space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_write", full)
    error = refused(space, tensorrt(tmp_path))
    assert "is full" in error.message
    monkeypatch.undo()
    assert len(add(space, "top", tensorrt(tmp_path)).pinned) == 2


def test_a_file_that_changes_while_it_is_read_is_refused(
    space: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tensorrt(tmp_path)
    before = add_module._keep

    def later(*given: object) -> None:
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        before(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(add_module, "_keep", later)
    assert "changed while it was read" in refused(space, path).message
    assert not list((space.mirror / "blobs" / "sha256").glob("*/*"))


def test_a_copy_that_was_cut_off_starts_clean(space: Workspace, tmp_path: Path) -> None:
    path = tensorrt(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    store(space).partial(digest).write_bytes(b"half of something else")
    add(space, "top", path)
    assert store(space).path(digest).read_bytes() == path.read_bytes()
    assert leftovers(space) == []


def test_killed_at_any_instant_a_rerun_ends_right(space: Workspace, tmp_path: Path) -> None:
    noise = elf() + os.urandom(30_000_000)
    path = pack(
        tmp_path / NAME.format(version=VERSION), {**tree(), f"TensorRT-{VERSION}/lib2": noise}
    )
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    code = (
        "import sys; from pathlib import Path; from coldforge.mirror.add import add;"
        "from coldforge.paths import Workspace;"
        "add(Workspace(Path(sys.argv[1])), 'top', Path(sys.argv[2]))"
    )
    for wait in (0.35, 0.5, 0.65):
        command = [sys.executable, "-c", code, str(space.root), str(path)]
        child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(wait)
        child.send_signal(signal.SIGKILL)
        child.wait()
        for blob in (space.mirror / "blobs" / "sha256").glob("*/*"):
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
        for name in ("shop", "top"):
            read_lock(space.lock(name))
    add(space, "top", path)
    assert store(space).path(digest).is_file()
    assert len(pins(space)) == 2
    shutil.rmtree(tmp_path, ignore_errors=True)
