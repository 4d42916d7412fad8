import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from coldforge.errors import ColdforgeError
from coldforge.mirror.carried.contents import Contents
from coldforge.mirror.carried.kind import examine
from coldforge.mirror.carried.reading import ReadLimits
from tests.mirror.handmade import ARM, X86, elf, packed, tar

FILES: dict[str, bytes | str] = {"top/a": b"a" * 700, "top/lib/libx.so.1": elf(), "top/l": "a"}


def surveyed(path: Path, limits: ReadLimits | None = None) -> Contents:
    facts = examine(path, None, limits or ReadLimits()).facts
    assert isinstance(facts, Contents)
    return facts


def refused(path: Path, limits: ReadLimits | None = None) -> str:
    with pytest.raises(ColdforgeError) as caught:
        examine(path, None, limits or ReadLimits())
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value.message


def holding(path: Path, *members: tarfile.TarInfo) -> Path:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for info in members:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    path.write_bytes(gzip.compress(sink.getvalue()))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
def test_a_tar_is_read_however_it_is_compressed(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "x"
    path.write_bytes(pack(tar(FILES)))
    found = surveyed(path)
    assert found.names == list(FILES)
    assert found.tops == ["top"]
    assert found.of(found.kept) == {"x86_64"}


def test_stubs_say_nothing_about_the_processor(tmp_path: Path) -> None:
    found = surveyed(packed(tmp_path / "x", {"t/stubs/liba.so": elf(ARM), "t/liba.so": elf(X86)}))
    assert found.of(found.kept) == {"x86_64"}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, bytes])
@pytest.mark.parametrize("share", [0.4, 0.7, 0.99])
def test_a_file_cut_off_anywhere_is_refused(
    tmp_path: Path, pack: Callable[[bytes], bytes], share: float
) -> None:
    whole = pack(tar({f"top/{number}": bytes([number]) * 9000 for number in range(20)}))
    path = tmp_path / "x.tar"
    # What pads a tar at its end may be missing, but not the block of zeros that ends it.
    end = len(whole) if pack is not bytes else len(whole.rstrip(b"\0"))
    path.write_bytes(whole[: int(end * share)])
    message = refused(path)
    assert message.startswith("x.tar is cut off") or "is damaged" in message


def test_a_tar_cut_off_between_two_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    path.write_bytes(tar({"top/a": bytes(512), "top/b": b"b"})[: 2 * 512])
    assert refused(path) == "x.tar is cut off: it ends early"


def test_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.tgz", {"top/a": bytes(range(256)) * 40})
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert "x.tgz is" in refused(path)


def test_a_broken_header_in_the_middle_is_not_taken_for_the_end(tmp_path: Path) -> None:
    data = bytearray(tar({"top/a": b"a", "top/b": b"b"}))
    data[1024 + 148] ^= 1  # the second header's checksum
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    assert refused(path) == "x.tar is damaged: what follows file 1 is not a tar header"


@pytest.mark.parametrize("name", ["../x", "top/../../x", "/etc/passwd"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    path = holding(tmp_path / "x.tgz", member("top/a"), member(name))
    assert (
        refused(path) == f"x.tgz is not safe to unpack: its file {name} leads out of its own folder"
    )


@pytest.mark.parametrize(
    ("name", "target"),
    [("top/l", "../../etc"), ("top/l", "/etc"), ("top/a/l", "../../other/x"), ("top/l", "..")],
)
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_that_leads_out_is_refused(
    tmp_path: Path, name: str, target: str, kind: bytes
) -> None:
    path = holding(tmp_path / "x.tgz", member("top/a"), member(name, kind, target))
    assert "leads out of its own folder" in refused(path)


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_device_is_refused(tmp_path: Path, kind: bytes) -> None:
    path = holding(tmp_path / "x.tgz", member("top/dev", kind))
    assert refused(path) == "x.tgz holds a device or pipe, top/dev"


def test_a_bomb_is_refused_before_it_is_read_to_its_end(tmp_path: Path) -> None:
    info = member("top/zeros")
    info.size = 4_000_000
    path = holding(tmp_path / "x.tgz", info)
    limits = ReadLimits(free=1_000_000)
    assert refused(path, limits).endswith("a bomb")


def test_a_declared_size_counts_although_no_byte_follows(tmp_path: Path) -> None:
    info = member("top/huge")
    info.size = 65 << 30
    path = tmp_path / "x.tar"
    path.write_bytes(info.tobuf() + bytes(1024))
    assert refused(path).endswith("a bomb")


def test_a_gigabyte_of_zeros_stops_within_what_is_free(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(member("top/a").tobuf())
        for _ in range(160):
            stream.write(bytes(1 << 20))
    assert refused(path, ReadLimits(ratio=20)).endswith("a bomb")


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "x.tgz", {f"top/{number}": b"" for number in range(20)})
    assert refused(path, ReadLimits(members=10)) == "x.tgz holds more than 10 files"


def test_something_compressed_that_is_no_tar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"words " * 1000))
    assert refused(path) == "x.gz is not a tar"
