from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError, UnknownNameError
from coldforge.mirror.carried.kind import WantedFile, examine, recognise
from coldforge.mirror.missing import carried_inputs
from coldforge.paths import Workspace
from coldforge.stack.profile import Carried
from coldforge.stack.stack import read_stack
from tests.mirror.handmade import checkout, packed, runfile, tensorrt, wheel


@pytest.fixture
def wants(workspace: Workspace) -> list[WantedFile]:
    stack = read_stack(checkout(workspace), "top")
    return [
        WantedFile("top", name, about, stack.file.platform, stack.file.python)
        for _, name, about in carried_inputs(stack)
    ]


def refused(path: Path, wants: list[WantedFile]) -> ColdforgeError:
    with pytest.raises(ColdforgeError) as caught:
        recognise(examine(path), wants)
    assert "\n" not in caught.value.message
    return caught.value


def test_each_kind_is_told_apart(tmp_path: Path, wants: list[WantedFile]) -> None:
    files = [tensorrt(tmp_path), runfile(tmp_path), wheel(tmp_path)]
    found = [recognise(examine(path), wants).name for path in files]
    assert found == ["tensorrt", "cuda", "polygraphy"]


def test_a_file_is_hashed_while_it_is_read(tmp_path: Path) -> None:
    import hashlib

    for path in (tensorrt(tmp_path), runfile(tmp_path), wheel(tmp_path)):
        data, told = path.read_bytes(), []
        seen = examine(path, told.append)
        assert (seen.size, seen.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        assert sum(told) == len(data)


def test_a_stranger_is_refused_with_what_is_wanted(tmp_path: Path, wants: list[WantedFile]) -> None:
    error = refused(packed(tmp_path / "boost.tgz", {"boost/readme": b""}), wants)
    assert error.message == "nothing in the stack asks for boost.tgz"
    for name in ("TensorRT-9.0.1.4", "cuda_12.2.2", "polygraphy-0.48.1", "cudnn-linux"):
        assert name in error.hint


def test_a_stack_that_asks_for_nothing_says_so(tmp_path: Path) -> None:
    error = refused(tensorrt(tmp_path), [])
    assert error.hint == "its layers ask for no hand-carried file"


@pytest.mark.parametrize("data", [b"<html>please log in</html>", b"\0" * 600])
def test_what_is_no_archive_at_all_is_refused(
    tmp_path: Path, data: bytes, wants: list[WantedFile]
) -> None:
    path = tmp_path / "download"
    path.write_bytes(data)
    message = refused(path, wants).message
    assert message.startswith("download has no known format (")
    assert all(known in message for known in ("installer", "tar", "wheel"))


def test_a_page_saved_under_the_right_name_is_refused(
    tmp_path: Path, wants: list[WantedFile]
) -> None:
    path = tensorrt(tmp_path)
    path.write_bytes(b"<html>please log in</html>")
    assert "is named like TensorRT but is not a tar" in refused(path, wants).message


def test_a_git_lfs_pointer_is_refused_with_what_it_stands_for(
    tmp_path: Path, wants: list[WantedFile]
) -> None:
    path = tensorrt(tmp_path)
    start = "version https://git-lfs.github.com/spec/v1\n"
    path.write_text(f"{start}oid sha256:{'ab' * 32}\nsize 1234567\n", "utf-8")
    error = refused(path, wants)
    assert "is a Git LFS pointer" in error.message
    assert "1,234,567 bytes, sha256 abababababab…" in error.message
    assert "git lfs pull" in error.hint


def test_a_kind_nobody_knows_is_named(tmp_path: Path) -> None:
    about = Carried("floppy", "disk-{version}.img", ["1"], "none", "none")
    with pytest.raises(UnknownNameError, match="unknown kind of carried file 'floppy'"):
        recognise(examine(tensorrt(tmp_path)), [WantedFile("small", "disk", about)])
