import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coldforge.errors import ColdforgeError
from coldforge.image.filesystem.archive import members, named_damage
from coldforge.image.filesystem.member import Member

COMPRESSIONS = {"demo.tar": "w", "demo.tar.gz": "w:gz", "demo.tgz": "w:gz", "demo.tar.xz": "w:xz"}
Entry = tuple[tarfile.TarInfo, bytes]
TarballOf = Callable[..., Path]
ZipOf = Callable[..., Path]


def entry(name: str, data: bytes = b"", **fields: Any) -> Entry:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


@pytest.fixture
def tarball_of(tmp_path: Path) -> TarballOf:
    """Pack entries into a tarball; return the file."""

    def pack(*entries: Entry, name: str = "demo.tar.gz") -> Path:
        with tarfile.open(tmp_path / name, COMPRESSIONS[name]) as archive:  # type: ignore[call-overload]
            for info, data in entries:
                archive.addfile(info, io.BytesIO(data))
        return tmp_path / name

    return pack


@pytest.fixture
def zip_of(tmp_path: Path) -> ZipOf:
    """Zip one file under a name and a mode; return the archive."""

    def pack(name: str, data: bytes = b"", mode: int = 0o100644, file: str = "demo.zip") -> Path:
        with zipfile.ZipFile(tmp_path / file, "w", zipfile.ZIP_DEFLATED) as archive:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, data)
        return tmp_path / file

    return pack


def read(path: Path, name: str = "") -> dict[str, tuple[Member, bytes]]:
    found = {}
    with named_damage(name or path.name):
        for member, content in members(name or path.name, path):
            found[member.path] = (member, content.read() if content else b"")
    return found


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_tarball_is_read_whatever_compresses_it(tarball_of: TarballOf, name: str) -> None:
    content = bytes(range(251)) * 12_000
    read_back = read(tarball_of(entry("./a/b.bin", content), name=name))
    assert read_back == {"a/b.bin": (Member("a/b.bin", "file", 0o644, size=len(content)), content)}


def test_its_name_tells_the_kind_not_where_the_bytes_lie(
    tarball_of: TarballOf, tmp_path: Path
) -> None:
    blob = tarball_of(entry("a", b"a")).rename(tmp_path / "0123abcd")
    assert set(read(blob, "demo.tar.gz")) == {"a"}


@pytest.mark.parametrize(
    ("mode", "kept"), [(0o644, 0o644), (0o744, 0o755), (0o600, 0o644), (0o4777, 0o755)]
)
def test_only_the_executable_bit_of_a_mode_is_kept(
    tarball_of: TarballOf, zip_of: ZipOf, mode: int, kept: int
) -> None:
    assert read(tarball_of(entry("a", mode=mode)))["a"][0].mode == kept
    assert read(zip_of("a", mode=stat.S_IFREG | mode))["a"][0].mode == kept


def test_whoever_packed_it_owns_nothing(tarball_of: TarballOf) -> None:
    member, _ = read(tarball_of(entry("a", uid=1234, gid=77, uname="builder", mtime=99)))["a"]
    assert (member.uid, member.gid) == (0, 0)


def test_links_of_a_tarball_are_read(tarball_of: TarballOf) -> None:
    found = read(
        tarball_of(
            entry("lib/libx.so.1", b"x"),
            entry("lib/libx.so", type=tarfile.SYMTYPE, linkname="libx.so.1"),
            entry("lib/same", type=tarfile.LNKTYPE, linkname="./lib/libx.so.1"),
        )
    )
    assert found["lib/libx.so"][0] == Member("lib/libx.so", "symlink", 0o777, link="libx.so.1")
    assert found["lib/same"][0].link == "lib/libx.so.1"


def test_a_symlink_in_a_zip_is_one(zip_of: ZipOf) -> None:
    member, _ = read(zip_of("lib/x", b"y", stat.S_IFLNK | 0o777))["lib/x"]
    assert (member.kind, member.link) == ("symlink", "y")


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_an_escaping_name_is_refused(tarball_of: TarballOf, zip_of: ZipOf, name: str) -> None:
    for path in (tarball_of(entry(name)), zip_of(name)):
        with pytest.raises(ColdforgeError, match=rf"{path.name}: unsafe member name"):
            read(path)


def test_an_escaping_link_is_refused(tarball_of: TarballOf, zip_of: ZipOf) -> None:
    link = entry("a", type=tarfile.SYMTYPE, linkname="../etc/passwd")
    for path in (tarball_of(link), zip_of("a", b"../etc/passwd", stat.S_IFLNK | 0o777)):
        with pytest.raises(ColdforgeError, match=r"/a -> \.\./etc/passwd points out"):
            read(path)
    hard = entry("a", type=tarfile.LNKTYPE, linkname="../etc/passwd")
    with pytest.raises(ColdforgeError, match="unsafe member name"):
        read(tarball_of(hard))


def test_a_device_is_refused(tarball_of: TarballOf, zip_of: ZipOf) -> None:
    for path in (tarball_of(entry("a", type=tarfile.FIFOTYPE)), zip_of("a", mode=stat.S_IFIFO)):
        with pytest.raises(ColdforgeError, match=rf"{path.name}: /?a is a device or pipe"):
            read(path)


@pytest.mark.parametrize("name", ["demo.tar.gz", "demo.tar.xz", "demo.tar"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_truncated_tarball_is_named(tarball_of: TarballOf, name: str, kept: float) -> None:
    path = tarball_of(entry("a", bytes(i * i % 251 for i in range(99_999))), name=name)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ColdforgeError, match=rf"{name} is damaged: .+") as caught:
        read(path)
    assert caught.value.hint


def test_a_flipped_byte_in_a_zip_is_named(zip_of: ZipOf) -> None:
    path = zip_of("a", bytes(range(256)) * 40)
    data = bytearray(path.read_bytes())
    data[40] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ColdforgeError, match=r"demo\.zip is damaged"):
        read(path)


@pytest.mark.parametrize("name", ["demo.zip", "demo.whl", "demo.tar.gz", "demo.tgz"])
def test_what_is_not_what_its_name_says_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"<html>404</html>" * 99)
    with pytest.raises(ColdforgeError, match=f"{name} is damaged"):
        read(tmp_path / name)


def test_an_unknown_kind_of_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo.rar").write_bytes(b"")
    with pytest.raises(ColdforgeError, match=r"demo\.rar: it is not an archive"):
        read(tmp_path / "demo.rar")
