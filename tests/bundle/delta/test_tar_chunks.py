import hashlib
import io
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from coldforge.bundle.delta.tar_chunks import BLOCK, BlobReader, Chunk, chunks, content_size


def cut(data: bytes, folder: Path) -> list[Chunk]:
    path = folder / "blob"
    path.write_bytes(data)
    told: list[int] = []
    with BlobReader(path) as blob:
        found = list(chunks(blob, told.append))
    assert sum(told) == len(data)
    return found


def tar(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def test_a_tar_is_cut_at_headers_and_contents(tmp_path: Path) -> None:
    found = cut(tar({"one": b"x" * 700, "empty": b"", "two": b"y"}), tmp_path)
    sizes = [512, 1024, 512, 512, 512]
    assert [one.size for one in found[:5]] == sizes
    assert {one.size for one in found[5:]} == {512}  # the zeros at the end


def test_a_header_and_its_content_have_names_of_their_own(tmp_path: Path) -> None:
    names = [one.name for one in cut(tar({"a": b"x", "b": b"x"}), tmp_path)[:4]]
    assert len(set(names)) == 4


def test_the_same_content_under_two_names_has_one_digest(tmp_path: Path) -> None:
    found = cut(tar({"a": b"x" * 600, "b": b"x" * 600}), tmp_path)
    assert found[1].digest == found[3].digest
    assert found[0].digest != found[2].digest


def test_a_long_name_and_its_member_are_both_found(tmp_path: Path) -> None:
    found = cut(tar({"d/" * 200 + "file": b"x" * 600}), tmp_path)
    assert [one.size for one in found[:4]] == [512, 512, 512, 1024]


def test_what_is_no_tar_is_one_cut(tmp_path: Path) -> None:
    assert [one.size for one in cut(b"no tar at all" * 100, tmp_path)] == [1300]
    assert cut(b"", tmp_path) == []


def test_a_tar_cut_short_within_a_member_ends_there(tmp_path: Path) -> None:
    data = tar({"one": b"x" * 5000})[:3000]
    assert [one.size for one in cut(data, tmp_path)] == [512, 2488]


@given(size=st.binary(max_size=12), kind=st.binary(min_size=1, max_size=1))
def test_a_size_that_is_no_number_is_no_header(size: bytes, kind: bytes) -> None:
    header = bytes(124) + size.ljust(12, b"\0") + bytes(20) + kind + bytes(100) + b"ustar\0" + b"00"
    found = content_size(header.ljust(BLOCK, b"\0"))
    assert found >= -1
    assert found % BLOCK in (0, BLOCK - 1)


@given(junk=st.binary(max_size=2000), at=st.integers(0, 9000))
def test_whatever_the_bytes_no_cut_overlaps_and_none_is_missing(junk: bytes, at: int) -> None:
    data = tar({"one": b"x" * 3000, "two": b"y"})
    data = data[:at] + junk + data[at:]
    with TemporaryDirectory() as folder:
        found = cut(data, Path(folder))
    offset = 0
    for one in found:
        assert one.offset == offset
        assert one.digest == hashlib.sha256(data[offset : one.offset + one.size]).digest()
        offset += one.size
    assert offset == len(data)
