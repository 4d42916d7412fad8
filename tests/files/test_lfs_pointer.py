import io
import tarfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from coldforge.files.lfs_pointer import (
    Pointer,
    file_pointer,
    parse_pointer,
    pointers,
    unmet,
)
from tests.mirror.forge import OID, POINTER

HEAD = b"version https://git-lfs.github.com/spec/v1\n"
OIDS = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(OIDS, st.integers(0, 10**18), st.sampled_from(["\n", "\r\n"]))
def test_every_pointer_is_read(oid: str, size: int, end: str) -> None:
    lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{oid}", f"size {size}", "")
    assert parse_pointer(end.join(lines).encode()) == Pointer(oid, size)


@given(st.binary(max_size=1100), st.booleans())
@example(b"oid sha256:" + OID.encode() + b"\nsize -1\n", True)
@example(b"oid sha256:" + OID.encode() + b"\n", True)
@example(b"oid sha256:xyz\nsize 1\n", True)
def test_anything_else_is_no_pointer(tail: bytes, headed: bool) -> None:
    assert parse_pointer(HEAD + tail if headed else tail) is None


def test_a_pointer_with_an_extension_is_one() -> None:
    extended = POINTER.replace(b"oid ", b"ext-0-foo sha256:" + b"0" * 64 + b"\noid ")
    assert parse_pointer(extended) == Pointer(OID, 12345)


def test_a_page_about_pointers_is_none() -> None:
    assert parse_pointer(b"Pointers look like this:\n" + POINTER) is None
    assert parse_pointer(POINTER + b"#" * 1024) is None


def test_a_tar_tells_which_of_its_files_are_pointers(tmp_path: Path) -> None:
    tar = tmp_path / "source.tar"
    files = {"b/lib.a": POINTER, "a.cpp": b"int main() {}\n", "big": POINTER + bytes(2000)}
    with tarfile.open(tar, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "b/lib.a"
        archive.addfile(link)
    assert pointers(tar) == {"b/lib.a": Pointer(OID, 12345)}


def test_a_pointer_that_nothing_replaces_is_named(tmp_path: Path) -> None:
    (said,) = unmet({"cpp/libx.a": Pointer(OID, 12345)}, {})
    assert "cpp/libx.a is a Git LFS pointer, not the file itself" in said
    assert OID in said
    assert "12345 bytes" in said


def test_a_pointer_brought_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    brought = tmp_path / "libx.a"
    brought.write_bytes(POINTER)
    assert file_pointer(brought) == Pointer(OID, 12345)
    (said,) = unmet({"libx.a": Pointer(OID, 12345)}, {"libx.a": brought})
    assert "is a Git LFS pointer" in said


def test_a_file_of_another_size_is_named_and_the_right_one_is_not(tmp_path: Path) -> None:
    brought = tmp_path / "libx.a"
    brought.write_bytes(bytes(12344))
    (said,) = unmet({"libx.a": Pointer(OID, 12345)}, {"libx.a": brought})
    assert "has 12344 bytes" in said
    brought.write_bytes(bytes(12345))
    assert not list(unmet({"libx.a": Pointer(OID, 12345)}, {"libx.a": brought}))


def test_a_pointer_is_shorter_than_1024_bytes(tmp_path: Path) -> None:
    text = HEAD + f"oid sha256:{OID}\nsize 5\n".encode()
    for size, found in ((1023, Pointer(OID, 5)), (1024, None)):
        data = text.ljust(size, b"\n")
        (tmp_path / "file").write_bytes(data)
        assert parse_pointer(data) == file_pointer(tmp_path / "file") == found
